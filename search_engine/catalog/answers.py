"""Answers to requests that may come again: found by the key that their sender chose."""

import base64
import zlib
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from search_engine.catalog.tables import answers
from search_engine.catalog.writer import CatalogWriter

KEPT_S = 24 * 3_600.0


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was answered: `request` is the digest of what was asked, `body` a text."""

    request: str
    status: int
    body: str


def find_answer(connection: Connection, key: str, now: float) -> KeptAnswer | None:
    """The answer of a key, for 24 hours; `now` is in seconds since 1970."""
    query = select(answers.c.request, answers.c.status, answers.c.body).where(
        answers.c.key == key, answers.c.created > now - KEPT_S
    )
    row = connection.execute(query).first()
    return None if row is None else KeptAnswer(row.request, row.status, _unpacked(row.body))


def keep_answer(writer: CatalogWriter, key: str, answer: KeptAnswer, now: float) -> None:
    """Keep an answer, unless the key has one; those that are too old go."""
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
    """A tenth of it, mostly: whoever sends a catalog in batches has many answers kept."""
    return base64.b64encode(zlib.compress(text.encode())).decode()


def _unpacked(packed: str) -> str:
    return zlib.decompress(base64.b64decode(packed)).decode()
