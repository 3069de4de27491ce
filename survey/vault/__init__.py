"""Wave keys, sealing, spare copies and the representatives' keys: the only room that holds a private key."""
