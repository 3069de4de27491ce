"""The facts about the client that mails and promises must state."""
