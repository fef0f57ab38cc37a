"""Storage: durable writes, locks, the archive format."""
