"""Sealed ballots and counted answers: WHAT, never WHO."""
