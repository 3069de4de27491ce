"""The queue of letters: leases, delivery, pace, pausing."""
