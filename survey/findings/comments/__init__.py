"""Reviewing what people wrote before any of it leaves."""
