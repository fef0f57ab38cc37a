"""Tokens that carry what they stand for: any server of the collection reads them, nobody else's."""

import base64
from dataclasses import replace

import numpy as np
import pytest

from search_engine.catalog.collection_rows import Collection
from search_engine.records import Vectors
from search_engine.search.mixes import Mix
from search_engine.search.query_cache import EmbeddedQuery, QueryCache, QueryToken
from search_engine.search.shared_tokens import MOST_ROWS, resolved, shared_token

SHOES = Collection(1, "shoes", "a" * 32)
DIMENSION = 24


def unit(seed: int, count: int = 1) -> Vectors:
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


PHOTO = EmbeddedQuery(
    QueryToken("f" * 32),
    "print",
    unit(1),
    ("first frame used",),
    picture_hash=b"12345678",
    plain=unit(2),
)
MIX = EmbeddedQuery(
    QueryToken("e" * 32), "print", unit(3), mix=Mix(unit(4), 2 * unit(5, 2), unit(6)), keys=(7, 9)
)


def read_elsewhere(text: str, collection: Collection = SHOES) -> EmbeddedQuery | None:
    """What a server that knows nothing yet makes of a token."""
    queries = QueryCache()
    return queries.get(resolved(queries, QueryToken(text), collection))


@pytest.mark.parametrize("query", [PHOTO, MIX], ids=["photo", "mix"])
def test_another_server_reads_all_of_it(query: EmbeddedQuery) -> None:
    read = read_elsewhere(shared_token(query, SHOES))
    assert read is not None
    for name in ("token", "fingerprint", "warnings", "keys", "picture_hash"):
        assert getattr(read, name) == getattr(query, name)
    np.testing.assert_allclose(read.vector, query.vector, atol=1e-3)
    assert np.linalg.norm(read.vector) == pytest.approx(1, abs=1e-6)
    assert (read.plain is None) == (query.plain is None)
    if query.plain is not None and read.plain is not None:
        np.testing.assert_allclose(read.plain, query.plain, atol=1e-3)
    if query.mix is not None and read.mix is not None:
        for rows in ("subject", "likes", "unlikes"):
            np.testing.assert_allclose(getattr(read.mix, rows), getattr(query.mix, rows), atol=2e-3)


def test_who_gave_it_keeps_the_exact_embedding() -> None:
    queries = QueryCache()
    queries.keep(PHOTO)
    text = shared_token(PHOTO, SHOES)
    assert queries.get(resolved(queries, QueryToken(text), SHOES)) is PHOTO


def test_a_token_of_another_collection_or_with_a_changed_byte_is_unknown() -> None:
    text = shared_token(PHOTO, SHOES)
    assert read_elsewhere(text, Collection(2, "shoes", "b" * 32)) is None
    name, _, carried = text.partition(".")
    sealed = bytearray(base64.urlsafe_b64decode(carried + "=" * (-len(carried) % 4)))
    for place in range(0, len(sealed), 7):
        sealed[place] ^= 1
        changed = base64.urlsafe_b64encode(sealed).decode().rstrip("=")
        sealed[place] ^= 1
        assert read_elsewhere(f"{name}.{changed}") is None
    assert read_elsewhere(f"{'0' * 32}.{carried}") is None


@pytest.mark.parametrize("text", ["", ".", "a.", "a.b.c", ".é", "a.\ud800", "x" * 100_000])
def test_what_is_no_token_is_unknown(text: str) -> None:
    assert read_elsewhere(text) is None


def test_a_large_mix_stays_with_its_server() -> None:
    large = replace(MIX, mix=Mix(unit(4), unit(5, MOST_ROWS), unit(6)))
    assert shared_token(large, SHOES) == large.token.text
