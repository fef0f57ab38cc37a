"""Cache the embeddings of recent query photos.

Narrowing a search by a filter, paging and asking for the class of the same photo need no second
decoding and encoding, and no second upload: an answer carries the token of its photo.
"""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass

from search_engine.images import Box
from search_engine.records import Vectors

KEPT = 4_096
"""Entries at most; embeddings of 1,280 dimensions then take 20 MB."""


@dataclass(frozen=True, slots=True)
class QueryToken:
    """Identifies a photo of a former query, and the region of it."""

    text: str


@dataclass(frozen=True, slots=True)
class EmbeddedQuery:
    """A photo as the encoder of a fingerprint sees it: vector (1, D), and what its sender should
    know."""

    token: QueryToken
    fingerprint: str
    vector: Vectors
    warnings: tuple[str, ...] = ()


class QueryCache:
    """The most recently used embedded queries by token. Thread-safe."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._queries: OrderedDict[QueryToken, EmbeddedQuery] = OrderedDict()

    def get(self, token: QueryToken) -> EmbeddedQuery | None:
        """The query of a token, if it is still cached."""
        with self._lock:
            query = self._queries.get(token)
            if query is not None:
                self._queries.move_to_end(token)
            return query

    def keep(self, query: EmbeddedQuery) -> None:
        """Add a query, and drop the least recently used one when full."""
        with self._lock:
            self._queries[query.token] = query
            self._queries.move_to_end(query.token)
            if len(self._queries) > self._kept:
                self._queries.popitem(last=False)


def query_token(picture: bytes, box: Box | None, fingerprint: str) -> QueryToken:
    """Names a photo, a region of it and an encoder; only who has the photo can make it."""
    identity = hashlib.blake2b(picture, digest_size=16)
    identity.update(repr((box, fingerprint)).encode())
    return QueryToken(identity.hexdigest())
