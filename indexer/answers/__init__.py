"""Answers to whole sources of queries: searched or classified in batches, written to files."""
