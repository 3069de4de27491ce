"""The follow-up mail to staff: what they said, what the provider answered, what changes."""
