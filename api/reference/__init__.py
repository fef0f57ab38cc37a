"""The reference of the HTTP API, docs/api.md: written from its description and recorded examples.

`python -m api.reference` writes it; `python -m tests.docs.record` records the examples anew first.
"""
