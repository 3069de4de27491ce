"""Copies of an SQLite database, made while it is in use."""
