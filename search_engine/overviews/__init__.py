"""Overviews of a collection: what looks mislabelled, what is unlike everything else, and a map."""
