"""The managed service providers and their contacts."""
