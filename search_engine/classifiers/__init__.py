"""Classifiers trained on the stored embeddings, beside the vote of the neighbors."""
