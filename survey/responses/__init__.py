"""Sealed ballots and counted answers: WHAT was answered, never WHO did."""
