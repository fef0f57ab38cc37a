"""Feedback in files, and a better order learned from it."""
