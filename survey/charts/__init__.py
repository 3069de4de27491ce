"""Charts: numbers in, markup out."""
