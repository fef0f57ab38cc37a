"""Full-text search over the items of a collection: labels, names, and other texts of attributes.

The database keeps the words, case and diacritics folded, within the transactions that change items:
SQLite's FTS5 by triggers (`item_words`), PostgreSQL in a column (`items.words`). Ids have no part
in it; `text_search` finds pieces of those.
"""

import json
import re
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from search_engine.catalog.dialects.statements import is_postgresql
from search_engine.catalog.dialects.word_queries import (
    RANKED_BY_FTS5,
    RANKED_BY_POSTGRESQL,
    as_tsquery,
    each_word,
)
from search_engine.errors import ParameterError
from search_engine.names import normal
from search_engine.records import Floats, Keys

MAX_WORDS = 32
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class WordHits:
    """Keys (N,) of items that have words, with their bm25 (N,), best first.

    `partial` says that no item has all of the words, and these have some.
    """

    keys: Keys
    scores: Floats
    partial: bool = False


def find_words(
    connection: Connection, collection_id: int, asked: str, most: int, within: Keys | None = None
) -> WordHits:
    """The live items that have all the words of a text, the last as the beginning of one; if there
    are none, those that have some.

    Ranked by Okapi bm25 (Robertson and Zaragoza, 2009) as FTS5 computes it, over the items of all
    collections; in PostgreSQL by how rare the words are and how often they are there (`ts_rank`).
    Equal scores by key.

    Args:
        connection: To read from.
        collection_id: Of the collection.
        asked: The text.
        most: How many items at most.
        within: Only items with these keys.

    Raises:
        ParameterError: There is no word in the text, or there are more than 32.
    """
    words = words_in(asked)
    for joint in (" AND ", " OR "):
        found = _matching(connection, collection_id, joint.join(words), most, within)
        if len(found.keys) or len(words) == 1:
            break
    return WordHits(found.keys, found.scores, partial=joint == " OR " and len(found.keys) > 0)


def words_in(asked: str) -> list[str]:
    """The words of a text as FTS5 takes them, the last one as a prefix.

    Raises:
        ParameterError: There are none, or too many.
    """
    words = _WORD.findall(normal(asked))
    if not 1 <= len(words) <= MAX_WORDS or not any(each.strip("_") for each in words):
        what = "there is no word in it" if len(words) <= MAX_WORDS else f"{len(words):,} words"
        raise ParameterError(what, where="q", fix=f"give 1 to {MAX_WORDS} words")
    quoted = [f'"{each}"' for each in words]
    return [*quoted[:-1], f"{quoted[-1]}*"]


def beginnings(asked: str) -> list[str]:
    """The words of a text as FTS5 takes them, each as a prefix; none where it has no word."""
    words = (each for each in _WORD.findall(normal(asked)) if each.strip("_"))
    return [f'"{each}"*' for each in words]


def _matching(
    connection: Connection, collection_id: int, words: str, most: int, within: Keys | None
) -> WordHits:
    limit = most if within is None else None
    given = {"words": words, "collection": collection_id, "most": limit}
    ranked = RANKED_BY_FTS5
    if is_postgresql(connection):
        ranked = RANKED_BY_POSTGRESQL
        given |= {"words": as_tsquery(words), "each": json.dumps(each_word(words))}
    rows = connection.execute(ranked, given).all()
    keys = np.array([row.key for row in rows], dtype=np.int64)
    scores = np.array([row.score for row in rows], dtype=np.float64)
    if within is not None:
        inside = np.isin(keys, within, assume_unique=True)
        keys, scores = keys[inside][:most], scores[inside][:most]
    return WordHits(keys, scores)
