"""Stress: how accuracy holds where photos are bad in the ways that photos are bad."""
