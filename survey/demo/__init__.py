"""The sample organisation behind make demo."""
