"""Index backends that let another server find the candidates: Milvus and Qdrant."""
