"""Names of index backends to what makes them. A new one is a line here and a module.

An owner names a kind of index by `eyedex index --index`: the name of a backend, with what it needs
to know behind a colon, or else a FAISS factory string.
"""

from importlib import import_module

from search_engine.indexes.base import Backend

DEFAULT = "faiss"
BACKENDS = {
    DEFAULT: "search_engine.indexes.faiss.backend:FaissBackend",
    "numpy": "search_engine.indexes.exact:NumpyBackend",
}


def backend_of(factory: str) -> Backend:
    """The backend that makes and opens a kind of index."""
    name = factory.partition(":")[0]
    module, _, made_by = BACKENDS[name if name in BACKENDS else DEFAULT].partition(":")
    backend: Backend = getattr(import_module(module), made_by)()
    return backend


def limit_threads(count: int) -> None:
    """Let no backend compute with more threads than that, in this process."""
    for name in BACKENDS:
        backend_of(name).limit_threads(count)
