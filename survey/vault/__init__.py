"""Wave keys, sealing, spare copies and the representatives' keys.

No other room holds a private key.
"""
