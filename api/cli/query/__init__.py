"""Verbs that ask: search, classify, cluster."""
