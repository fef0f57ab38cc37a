"""Collections, each kept up to date with what is committed."""
