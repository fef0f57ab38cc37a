"""Query tokens that any server of a data set understands: they carry what they stand for.

    <token as the server that gave it remembers it>.<base64url of header, rows, seal>

The rows are float16, so scores by a token that another server gave differ by rounding. The seal is
an HMAC whose key comes from the random `uid` of the collection, which all servers of its catalog
know (a snapshot and a database carry it) and no answer tells: nothing else than what a server
embedded is taken for that.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Sequence

import numpy as np

from search_engine.catalog.collection_rows import Collection
from search_engine.records import Vectors
from search_engine.search.mixes import Mix
from search_engine.search.query_cache import EmbeddedQuery, QueryCache, QueryToken

MOST_ROWS = 8
"""Embeddings in a token at most, 20 kB where they have 1,280 dimensions; a mix of more stays with
its server."""
_SEAL_BYTES = 16
_FORMAT = 1


def shared_token(query: EmbeddedQuery, collection: Collection) -> str:
    """The token of a query with all that it stands for; its own where that is too much."""
    mix = (query.mix.subject, query.mix.likes, query.mix.unlikes) if query.mix else ()
    plain = () if query.plain is None else (query.plain,)
    sets = [query.vector, *plain, *mix]
    rows = np.concatenate(sets)
    if len(rows) > MOST_ROWS:
        return query.token.text
    header = json.dumps(
        [
            _FORMAT,
            query.fingerprint,
            query.picture_hash.hex(),
            query.warnings,
            query.keys,
            bool(plain),
            [len(each) for each in mix],
        ],
        separators=(",", ":"),
    ).encode()
    content = len(header).to_bytes(4) + header + rows.astype("<f2").tobytes()
    sealed = content + _seal(query.token.text, content, collection)
    return f"{query.token.text}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"


def resolved(queries: QueryCache, token: QueryToken, collection: Collection) -> QueryToken:
    """The token by which a query is remembered; what a shared one carries is remembered by this.

    One whose seal is not of this collection says nothing new: its query is known already, or is
    not.
    """
    name, dot, carried = token.text.partition(".")
    short = QueryToken(name)
    if not dot or queries.get(short) is not None:
        return short
    query = _opened(short, carried, collection)
    if query is not None:
        queries.keep(query)
    return short


def _opened(token: QueryToken, carried: str, collection: Collection) -> EmbeddedQuery | None:
    try:
        sealed = base64.urlsafe_b64decode(carried + "=" * (-len(carried) % 4))
    except (binascii.Error, ValueError):
        return None
    content, seal = sealed[:-_SEAL_BYTES], sealed[-_SEAL_BYTES:]
    if not hmac.compare_digest(seal, _seal(token.text, content, collection)):
        return None
    start = 4 + int.from_bytes(content[:4])
    version, *header = json.loads(content[4:start])
    if version != _FORMAT:
        return None
    fingerprint, picture_hash, warnings, keys, has_plain, counts = header
    sizes = [1, *([1] if has_plain else []), *counts]
    rows = np.frombuffer(content[start:], "<f2").astype(np.float32).reshape(sum(sizes), -1)
    sets = np.split(rows, np.cumsum(sizes)[:-1])
    return EmbeddedQuery(
        token,
        fingerprint,
        _unit(sets[0]),
        tuple(warnings),
        mix=Mix(*sets[-3:]) if counts else None,
        keys=tuple(keys),
        picture_hash=bytes.fromhex(picture_hash),
        plain=_unit(sets[1]) if has_plain else None,
    )


def _unit(rows: Vectors) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def _seal(token: str, content: bytes, collection: Collection) -> bytes:
    parts: Sequence[bytes] = (token.encode("utf-8", "surrogatepass"), content)
    key = b"eyedex query token " + collection.uid.encode()
    return hmac.digest(key, b".".join(parts), "sha256")[:_SEAL_BYTES]
