"""Eyedex core: embed pictures, keep them, find what looks alike, vote on a class, measure.

The public names are imported on first use, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search_engine.config import Settings
    from search_engine.engine import SearchEngine
    from search_engine.errors import EyedexError
    from search_engine.records import CatalogItem, Neighbor, Prediction, SearchResult, Vote

_HOMES = {
    "CatalogItem": "search_engine.records",
    "EyedexError": "search_engine.errors",
    "Neighbor": "search_engine.records",
    "Prediction": "search_engine.records",
    "SearchEngine": "search_engine.engine",
    "SearchResult": "search_engine.records",
    "Settings": "search_engine.config",
    "Vote": "search_engine.records",
}

__all__ = [
    "CatalogItem",
    "EyedexError",
    "Neighbor",
    "Prediction",
    "SearchEngine",
    "SearchResult",
    "Settings",
    "Vote",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
