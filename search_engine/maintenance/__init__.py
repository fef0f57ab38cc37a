"""Maintenance: check a data directory, save it, bring it back."""
