"""The frozen document of a wave, its words, its mail."""
