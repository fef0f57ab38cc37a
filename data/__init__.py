"""Data that ships with the project, and the programs that make it."""
