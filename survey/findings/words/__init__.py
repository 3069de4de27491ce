"""How the findings document is put into words and drawings."""
