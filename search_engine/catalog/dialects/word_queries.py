"""Questions for words, in the language of SQLite's FTS5 and in PostgreSQL's.

A question is written as FTS5 takes it, `"red" AND "mu"*`, and translated for PostgreSQL.
"""

import re
from collections.abc import Callable
from typing import Any
from unicodedata import normalize

from sqlalchemy import Boolean, Dialect, Text, TypeDecorator, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

RANKED_BY_FTS5 = text(
    "SELECT items.key, -bm25(item_words, 2.0, 4.0, 1.0) AS score"
    " FROM item_words CROSS JOIN items ON items.key = item_words.rowid"
    " WHERE item_words MATCH :words AND items.collection_id = :collection AND items.removed = 0"
    " ORDER BY score DESC, items.key LIMIT coalesce(:most, -1)"
)
"""Labels count twice and names four times as much as other texts."""
RANKED_BY_POSTGRESQL = text(
    "WITH asked AS (SELECT CAST(each.value AS tsquery) AS word"
    " FROM json_array_elements_text(CAST(:each AS json)) AS each(value)),"
    " weighed AS (SELECT word, ln(1 + (every + 0.5) / (found.items + 0.5)) AS weight FROM asked"
    " CROSS JOIN LATERAL (SELECT count(*) AS items FROM items WHERE words @@ word) AS found"
    " CROSS JOIN (SELECT coalesce(sum(key_count), 0) AS every FROM collections) AS live)"
    " SELECT items.key, (SELECT sum(weight * ts_rank('{0.25, 0.25, 0.5, 1}', items.words, word, 1))"
    " FROM weighed) AS score FROM items WHERE items.words @@ CAST(:words AS tsquery)"
    " AND items.collection_id = :collection AND items.removed = false"
    " ORDER BY score DESC, items.key LIMIT :most"
)
"""The same weights; how rare a word is counts, as in bm25, and how often it is there."""

_PART = re.compile(r'"(?P<word>[^"]*)"(?P<star>\*?)| (?P<joint>AND|OR) ')
_JOINTS = {"AND": " & ", "OR": " | "}
_MARKS = re.compile("[\u0300-\u036f]")


def as_tsquery(question: str) -> str:
    """A question as PostgreSQL takes it: words folded as `eyedex_lexemes` folds them."""
    parts = _PART.finditer(question)
    return "".join(
        _JOINTS[each["joint"]] if each["joint"] else _phrase(each["word"], each["star"])
        for each in parts
    )


def each_word(question: str) -> list[str]:
    """The words of a question, each a question of its own, for PostgreSQL."""
    return [
        _phrase(each["word"], each["star"]) for each in _PART.finditer(question) if each["word"]
    ]


def _phrase(word: str, star: str) -> str:
    """What stands between underscores are words of their own, one behind the other."""
    folded = _MARKS.sub("", normalize("NFD", word)).lower()
    parts = [f"'{each[:255]}'" for each in re.findall(r"[^\W_]+", folded)]
    return f"({' <-> '.join(parts)}{':*' if star else ''})" if parts else "''"


class WordQuestion(TypeDecorator[str]):
    """A question as the database takes it."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """See the class."""
        return None if dialect.name == "sqlite" else as_tsquery


class has_words(FunctionElement[bool]):  # noqa: N801 - a function
    """Whether an item fulfils a `WordQuestion`; the arguments are its key and the question."""

    type = Boolean()
    inherit_cache = True


@compiles(has_words)
def _has_words(element: Any, compiler: Any, **kw: Any) -> str:
    key, question = (compiler.process(each, **kw) for each in element.clauses)
    found = "SELECT rowid FROM item_words WHERE item_words MATCH"
    return f"{key} IN ({found} {question})"


@compiles(has_words, "postgresql")
def _has_words_there(element: Any, compiler: Any, **kw: Any) -> str:
    key, question = (compiler.process(each, **kw) for each in element.clauses)
    return f"{key.removesuffix('key')}words @@ CAST({question} AS tsquery)"
