"""Verbs of the catalog owner."""
