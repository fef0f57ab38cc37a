"""The databases that can hold a catalog, and all that differs between them.

Statements are written once, with SQLite's functions; `postgresql_words` says them in PostgreSQL's,
`postgresql_schema` has what these rest on, and `statements` the few that are written twice.
"""
