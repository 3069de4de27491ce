"""Candour: a company asks its own staff, wave after wave, how well its IT provider serves them."""
