"""Stress tests: accuracy on photos with the usual defects of photos."""
