"""Indexes: vectors in, neighbors out."""
