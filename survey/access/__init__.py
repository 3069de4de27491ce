"""Sign-in, roles, the audit log, and who may open which page."""
