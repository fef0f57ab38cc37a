"""The catalog: the only truth, vectors included."""
