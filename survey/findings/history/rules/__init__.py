"""Values and decisions of this room: pure."""
