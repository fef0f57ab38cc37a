"""Routes of the HTTP API, one module a resource. Each parses, calls one function, renders."""
