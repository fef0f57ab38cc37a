"""Verbs that change, adapt and calibrate encoders and classifiers."""
