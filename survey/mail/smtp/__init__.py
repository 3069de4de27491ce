"""Handing one letter over: connection, message, sign-in, checks."""
