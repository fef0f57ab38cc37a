"""Exchange: embeddings and answers as files, for other programs and from them."""
