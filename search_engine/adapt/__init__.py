"""Adapting an encoder to a catalog, from the catalog's own labels."""
