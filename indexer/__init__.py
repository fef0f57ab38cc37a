"""Bulk indexing: read a catalog source, see what changed, embed that, commit it in batches."""
