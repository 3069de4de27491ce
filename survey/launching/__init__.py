"""Opening a wave: audience, partition, questions, key, letters, and what it will never show."""
