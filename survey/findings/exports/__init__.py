"""The findings document as files."""
