"""The audit log held against the heads that findings and their mails told to others."""
