"""Lists and maps of a collection: made, stored for servers to answer with, and written to files."""
