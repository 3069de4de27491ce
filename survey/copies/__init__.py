"""Copies of the database that the program made itself, and when each is deleted."""
