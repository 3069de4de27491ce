"""The manager's pages that need several rooms: dashboard, one wave, its mail, its comments."""
