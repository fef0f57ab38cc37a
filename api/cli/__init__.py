"""The `eyedex` command."""
