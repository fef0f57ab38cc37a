"""Embeddings as files, exported for other programs and imported from them."""
