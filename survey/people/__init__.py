"""The staff directory: who can be invited."""
