"""Who was invited and whether a code is still good: WHO, never WHAT."""
