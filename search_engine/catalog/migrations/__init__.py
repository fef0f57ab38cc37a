"""Versioned changes of the database schema, run by Alembic."""
