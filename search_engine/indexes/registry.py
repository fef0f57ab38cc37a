"""Index backends by name. A new one is a line here and a module.

`eyedex index --index` takes the name of a backend, with its parameters after a colon, or a FAISS
factory string.
"""

from importlib import import_module

from search_engine.indexes.base import Backend

DEFAULT = "faiss"
BACKENDS = {
    DEFAULT: "search_engine.indexes.faiss.backend:FaissBackend",
    "numpy": "search_engine.indexes.exact:NumpyBackend",
    "milvus": "search_engine.indexes.remote.milvus:backend",
    "qdrant": "search_engine.indexes.remote.qdrant:backend",
}


def backend_of(factory: str) -> Backend:
    """Return the backend that builds and opens a kind of index."""
    name = factory.partition(":")[0]
    module, _, made_by = BACKENDS[name if name in BACKENDS else DEFAULT].partition(":")
    backend: Backend = getattr(import_module(module), made_by)()
    return backend


def is_on_server(factory: str | None) -> bool:
    """Whether a kind of index lies on a server of its own."""
    return ".remote." in BACKENDS.get((factory or "").partition(":")[0], "")


def limit_threads(count: int) -> None:
    """Limit the threads of all backends in this process."""
    for name in BACKENDS:
        backend_of(name).limit_threads(count)
