"""Encoders side by side on the pictures of a collection."""
