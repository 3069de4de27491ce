"""Past answers from another tool."""
