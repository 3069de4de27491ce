"""Questions, scales and their frozen versions."""
