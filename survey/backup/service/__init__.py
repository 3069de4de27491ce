"""Copying the database while it is in use, and putting a copy back without losing what is newer."""
