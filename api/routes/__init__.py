"""Routes of the HTTP API, one module a resource. Each parses, calls one function, renders."""

import api.security.addresses  # noqa: F401 - registers `{item_id:id}` before routes are made of it
