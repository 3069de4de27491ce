"""Closing a wave, opening its ballots, the ceremony of the strict tier, voiding."""
