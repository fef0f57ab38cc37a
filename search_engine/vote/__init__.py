"""The vote: from neighbors to a class with a confidence."""
