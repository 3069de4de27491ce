"""Adds surveys, previews what opening a wave would freeze and hide, and opens waves."""
