"""What the provider replied, and what both sides committed to."""
