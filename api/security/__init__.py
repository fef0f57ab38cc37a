"""What stands before every route: addresses, hosts, limits of HTTP itself."""
