"""Who was invited, and whether a code can still be used: WHO was asked, never WHAT was answered."""
