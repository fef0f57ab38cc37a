"""What files of answers hold: the fields of their records, and the columns of their tables.

A file of classes has a row for each query. A file of neighbors has a row for each neighbor, and one
without a neighbor for a query that found nothing or was refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from indexer.answers.batches import Answer, AnsweredQuery
from indexer.answers.queries import shown
from search_engine.records import Neighbor, Prediction

Record = dict[str, Any]
Kind = Literal["text", "number", "whole", "truth", "texts"]

KEPT = 5
"""Votes and neighbors written for each class."""

_NUMBERED: Mapping[str, tuple[tuple[str, str, Kind], ...]] = {
    "votes": (("vote", "label", "text"), ("share", "share", "number")),
    "neighbors": (
        ("neighbor", "item_id", "text"),
        ("score", "score", "number"),
        ("neighbor_label", "label", "text"),
    ),
}
"""The table columns for each element of a list: the column's prefix, the element's field, its type.
"""


@dataclass(frozen=True)
class Columns:
    """One kind of file.

    `fields` are those of a record, in the order of JSONL. `columns` are those of a table, with
    their types: the fields with lists spread out, as `vote_1 share_1 vote_2 ...`.
    """

    fields: tuple[str, ...]
    columns: Mapping[str, Kind]

    def flat(self, record: Record) -> Record:
        """A record as a row of a table, in the order of the columns."""
        row: Record = dict.fromkeys(self.columns)
        for field, value in record.items():
            if field not in _NUMBERED:
                row[field] = value
                continue
            for number, each in enumerate(value or (), 1):
                row.update({f"{name}_{number}": each[part] for name, part, _ in _NUMBERED[field]})
        return row


@dataclass(frozen=True)
class Layout(Columns):
    """One kind of file of answers.

    `records` makes the records of an answer, with None in fields that do not apply.
    """

    records: Callable[[Answer], list[Record]]


def _layout(fields: Mapping[str, Kind | None], records: Callable[[Answer], list[Record]]) -> Layout:
    """A layout by its fields; those of the type None are lists that tables spread out."""
    columns: dict[str, Kind] = {}
    for field, kind in fields.items():
        if kind is not None:
            columns[field] = kind
            continue
        for number in range(1, KEPT + 1):
            columns |= {f"{name}_{number}": each for name, _, each in _NUMBERED[field]}
    return Layout(tuple(fields), columns, records)


def _class_records(answer: Answer) -> list[Record]:
    named = {**dict.fromkeys(CLASSES.fields), **_path(answer), "item_id": answer.query_id}
    if not isinstance(answer, AnsweredQuery):
        return [{**named, "error_code": answer.code, "error_reason": answer.reason}]
    assert answer.result.prediction is not None
    neighbors = [
        {"item_id": one.item.item_id, "score": round(one.score, 6), "label": one.item.label}
        for one in answer.result.neighbors[:KEPT]
    ]
    return [{**named, **_prediction(answer.result.prediction), "neighbors": neighbors}]


def _neighbor_records(answer: Answer) -> list[Record]:
    named = {**dict.fromkeys(NEIGHBORS.fields), **_path(answer), "query": answer.query_id}
    if not isinstance(answer, AnsweredQuery):
        return [{**named, "error_code": answer.code, "error_reason": answer.reason}]
    found = answer.result.neighbors
    return [{**named, "rank": rank, **_neighbor(one)} for rank, one in enumerate(found, 1)] or [
        named
    ]


def _path(answer: Answer) -> Record:
    return {"path": None if answer.path is None else shown(answer.path)}


def _neighbor(one: Neighbor) -> Record:
    return {
        "item_id": one.item.item_id,
        "score": round(one.score, 6),
        "label": one.item.label,
        "product_id": one.item.product_id,
    }


def _prediction(prediction: Prediction) -> Record:
    return {
        **prediction.summary(),
        "values": None if prediction.values is None else list(prediction.values),
        "votes": [
            {"label": vote.label, "share": round(vote.share, 6)} for vote in prediction.votes[:KEPT]
        ],
    }


CLASSES = _layout(
    {
        "path": "text",
        "item_id": "text",
        "label": "text",
        "confidence": "number",
        "calibrated": "truth",
        "uncalibrated_because": "text",
        "abstained": "truth",
        "reason": "text",
        "values": "texts",
        "votes": None,
        "neighbors": None,
        "error_code": "text",
        "error_reason": "text",
    },
    _class_records,
)
"""A class for each query, with its evidence; `item_id` is the id of the query in its source."""
NEIGHBORS = _layout(
    {
        "path": "text",
        "query": "text",
        "rank": "whole",
        "item_id": "text",
        "score": "number",
        "label": "text",
        "product_id": "text",
        "error_code": "text",
        "error_reason": "text",
    },
    _neighbor_records,
)
"""A neighbor of a query; `query` is the id of the query in its source."""
