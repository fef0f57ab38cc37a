"""Evaluation: how good retrieval and classification are on labelled pictures."""
