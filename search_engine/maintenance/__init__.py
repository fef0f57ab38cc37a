"""Maintenance: check a data directory, take snapshots of it, restore them."""
