"""Stored answers to requests that may be repeated, found by the key their sender chose."""

import base64
import zlib
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from search_engine.catalog.tables import answers
from search_engine.catalog.writer import CatalogWriter

KEPT_S = 24 * 3_600.0


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """A stored answer; `request` is the digest of the request, `body` is JSON."""

    request: str
    status: int
    body: str


def find_answer(connection: Connection, key: str, now: float) -> KeptAnswer | None:
    """Return the answer of a key if it is younger than 24 hours; `now` is in seconds since 1970."""
    query = select(answers.c.request, answers.c.status, answers.c.body).where(
        answers.c.key == key, answers.c.created > now - KEPT_S
    )
    row = connection.execute(query).first()
    return None if row is None else KeptAnswer(row.request, row.status, _unpacked(row.body))


def keep_answer(writer: CatalogWriter, key: str, answer: KeptAnswer, now: float) -> None:
    """Store an answer unless the key has one, and delete expired answers."""
    connection = writer.connection
    connection.execute(delete(answers).where(answers.c.created <= now - KEPT_S))
    if find_answer(connection, key, now) is None:
        row = {
            "key": key,
            "request": answer.request,
            "status": answer.status,
            "body": _packed(answer.body),
            "created": now,
        }
        connection.execute(insert(answers).values(row))


def _packed(text: str) -> str:
    """Compress a body to about a tenth: a catalog sent in batches leaves many answers."""
    return base64.b64encode(zlib.compress(text.encode())).decode()


def _unpacked(packed: str) -> str:
    return zlib.decompress(base64.b64decode(packed)).decode()
