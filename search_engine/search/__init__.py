"""Search: a question becomes neighbors."""
