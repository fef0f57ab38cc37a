"""What people did with what searches showed them: kept, read, and learned from."""
