"""Letters, the outbox they wait in, and the sender that hands them over."""
