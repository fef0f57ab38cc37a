"""Calibration: confidence of the vote, learned from the collection's own items."""
