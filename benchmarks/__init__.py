"""Each speed or quality claim of the documentation is a command here."""
