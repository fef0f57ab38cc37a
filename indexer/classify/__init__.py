"""Classes for a whole source of pictures."""
