"""The edges: command line, HTTP API and page."""
