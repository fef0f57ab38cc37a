"""FAISS as index backend."""
