"""Comparison of encoders on the pictures of a collection."""
