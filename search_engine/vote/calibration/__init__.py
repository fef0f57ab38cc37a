"""Calibration: what a collection's own items tell about how far its vote can be trusted."""
