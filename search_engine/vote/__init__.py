"""The vote: neighbors become a class, with a confidence."""
