"""Shapes of answers, declared once: for HTTP and its OpenAPI, for `--json`, for the Python client.

Each module has the types of a topic and the functions that make such answers. They import nothing
heavy, since the client has neither torch nor a database.
"""
