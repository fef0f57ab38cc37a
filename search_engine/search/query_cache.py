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
from search_engine.search.mixes import Mix

KEPT = 4_096
"""Embeddings at most; those of 1,280 dimensions then take 20 MB, with what is kept from before a
learned projection of several layers 60 MB."""


@dataclass(frozen=True, slots=True)
class QueryToken:
    """Identifies a photo of a former query, and the region of it."""

    text: str


@dataclass(frozen=True, slots=True)
class EmbeddedQuery:
    """A photo as the encoder of a fingerprint sees it: vector (1, D), and what its sender should
    know; copies are recognised by `picture_hash`, `plain` is the embedding before a learned
    projection, if there is one.

    Or a mix, with the keys of the items that it is made of.
    """

    token: QueryToken
    fingerprint: str
    vector: Vectors
    warnings: tuple[str, ...] = ()
    mix: Mix | None = None
    keys: tuple[int, ...] = ()
    picture_hash: bytes = b""
    plain: Vectors | None = None

    @property
    def embeddings(self) -> int:
        """How many it holds: its own, and those that it is mixed of."""
        return 1 if self.mix is None else 1 + len(self.mix)


class QueryCache:
    """The most recently used embedded queries by token. Thread-safe."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._embeddings = 0
        self._queries: OrderedDict[QueryToken, EmbeddedQuery] = OrderedDict()

    def get(self, token: QueryToken) -> EmbeddedQuery | None:
        """The query of a token, if it is still cached."""
        with self._lock:
            query = self._queries.get(token)
            if query is not None:
                self._queries.move_to_end(token)
            return query

    def keep(self, query: EmbeddedQuery) -> None:
        """Add a query, and drop the least recently used ones when full."""
        with self._lock:
            former = self._queries.pop(query.token, None)
            self._embeddings += query.embeddings - (former.embeddings if former else 0)
            self._queries[query.token] = query
            while self._embeddings > self._kept and len(self._queries) > 1:
                _, oldest = self._queries.popitem(last=False)
                self._embeddings -= oldest.embeddings


def query_token(picture: bytes, box: Box | None, fingerprint: str) -> QueryToken:
    """Names a photo, a region of it and an encoder; only who has the photo can make it."""
    identity = hashlib.blake2b(picture, digest_size=16)
    identity.update(repr((box, fingerprint)).encode())
    return QueryToken(identity.hexdigest())


def mix_token(mix: Mix, keys: tuple[int, ...], fingerprint: str) -> QueryToken:
    """Names a mix of embeddings and items; only who has all of it can make it."""
    identity = hashlib.blake2b(mix.digest.encode(), digest_size=16)
    identity.update(repr((keys, fingerprint)).encode())
    return QueryToken(identity.hexdigest())
