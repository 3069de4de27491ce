"""The private halves of the waves' keys: nothing else may read them."""
