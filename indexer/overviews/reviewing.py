"""What to label next, or again: a list for people, and the way back of what they decided."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexer.change.request import Stage
from indexer.csv_cells import read_cell
from indexer.overviews.making import (
    Subject,
    check_single,
    numbered,
    subject_of,
    suspicions,
)
from indexer.overviews.neighbors import Graph
from indexer.sources.base import Reject
from indexer.sources.headers import two_columns
from indexer.sources.mapping import plain_name
from indexer.sources.reading import read_table
from indexer.sources.records import Table
from search_engine.catalog.fields import value_of
from search_engine.collections.operations import Done, Patch
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError, SourceError
from search_engine.near import shown
from search_engine.overviews.label_errors import RULE
from search_engine.overviews.label_value import choose_next, doubt, votes_of
from search_engine.records import CatalogItem, Codes
from search_engine.vote.tally import Ballots, Tally, tally

CHANGED_AT_ONCE = 1_000
ID, LABEL, WAS = "item_id", "label", "was"


@dataclass(frozen=True, slots=True)
class ToReview:
    """An item that somebody should look at.

    `suggested` is the label that most of its neighbors have, if any has one. `doubt` is between 0
    and 1: how little its neighbors agree, or how improbable its label is by their vote. `reach` is
    for how many items this label is, or would be, the nearest.
    """

    item: CatalogItem
    label: str | None
    suggested: str | None
    doubt: float
    reach: int


@dataclass(frozen=True, slots=True)
class Review:
    """What to look at, most useful first, and how many items have a label."""

    found: tuple[ToReview, ...]
    items: int
    labelled: int


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a table of corrections; `refused` has lines and reasons."""

    changed: int
    same: int
    refused: tuple[tuple[int, str], ...]


def make_review(
    engine: SearchEngine, collection: str, target: str, limit: int, stage: Stage
) -> Review:
    """List what to label next: unlabelled items, and labels that are probably wrong.

    Both are ordered by doubt times reach.

    Raises:
        CollectionNotFoundError: There is no such collection.
        ParameterError: There is no such field, or it has lists of values.
    """
    subject = subject_of(engine, collection)
    check_single(engine, subject, target)
    own, names = numbered([value_of(item, target) for item in subject.items])
    found = _unlabelled(subject, subject.graph(stage), own, names, limit)
    graph, _ = subject.unlearned_graph(engine, stage)
    found += _suspects(subject, graph, own, names, target)
    found.sort(key=lambda each: (-each.doubt * each.reach, each.item.key))
    return Review(tuple(found[:limit]), len(own), int((own >= 0).sum()))


def _unlabelled(
    subject: Subject, graph: Graph, own: Codes, names: Sequence[str], limit: int
) -> list[ToReview]:
    codes = np.where(np.isfinite(graph.scores), own[graph.rows], -1)
    counted = tally(Ballots(graph.scores, codes, tuple(names)), RULE)
    doubts = doubt(counted)
    chosen = choose_next(graph.scores, graph.rows, own >= 0, doubts, limit)
    return [
        ToReview(
            subject.items[row], None, _first(counted, row, names), float(doubts[row]), int(reach)
        )
        for row, reach in zip(chosen.rows.tolist(), chosen.reach, strict=True)
    ]


def _suspects(
    subject: Subject, graph: Graph, own: Codes, names: Sequence[str], target: str
) -> list[ToReview]:
    _, _, found = suspicions(subject, graph, own, names, target)
    reach = votes_of(graph.scores, graph.rows, own >= 0)
    return [
        ToReview(
            subject.items[row],
            names[own[row]],
            names[found.suggested[row]] if found.suggested[row] >= 0 else None,
            float(1 - found.probability[row]),
            int(reach[row]) + 1,
        )
        for row in np.flatnonzero(found.errors).tolist()
    ]


def _first(counted: Tally, row: int, names: Sequence[str]) -> str | None:
    code = int(counted.codes[row, 0]) if counted.codes.shape[1] else -1
    return names[code] if code >= 0 else None


def apply_review(engine: SearchEngine, collection: str, path: Path) -> Applied:
    """Give items the labels of a table with the columns `item_id` and `label`.

    An empty label leaves the item as it is, and so does one that is as it `was` when the table was
    written. Where an item has another label than that by now, its line is refused. Tables without
    the column `was` set what they say; other columns are ignored. A line that cannot be applied
    harms no other, nor does one that gives an item another label than an earlier line.

    Raises:
        SourceError: The file holds no readable table, or lacks one of the columns, or has it twice.
        CollectionNotFoundError, StorageError: As they say.
    """
    record = engine.live(collection).record
    wanted: list[tuple[int, Patch]] = []
    refused: list[tuple[int, str]] = []
    labels: dict[str, tuple[str, int]] = {}
    same = 0
    for line, row in _rows(path, refused):
        label = row.get(LABEL)
        if label in (None, "") or (WAS in row and label == row[WAS]):
            same += 1
            continue
        try:
            item = engine.catalog.get(record, str(row.get(ID) or ""))
        except EyedexError as error:
            refused.append((line, str(error)))
            continue
        earlier, where = labels.setdefault(item.item_id, (label, line))
        if earlier != label:
            refused.append((line, f"line {where:,} gives this id another label"))
        elif where != line or item.label == label:
            same += 1
        elif WAS in row and item.label != (row[WAS] or None):
            refused.append((line, _changed_since(item.label, row[WAS])))
        else:
            wanted.append((line, Patch(item.item_id, {LABEL: label})))
    changed = 0
    for start in range(0, len(wanted), CHANGED_AT_ONCE):
        part = wanted[start : start + CHANGED_AT_ONCE]
        outcomes = engine.change([patch for _, patch in part], collection=collection)
        for (line, _), outcome in zip(part, outcomes, strict=True):
            if isinstance(outcome, Done):
                changed += 1
            else:
                refused.append((line, str(outcome)))
    return Applied(changed, same, tuple(sorted(refused)))


def _changed_since(now: str | None, was: Any) -> str:
    has, had = (f"the label {shown(str(each))!r}" if each else "no label" for each in (now, was))
    return f"the item has {has} now, and had {had} when the table was written"


def _rows(path: Path, refused: list[tuple[int, str]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Lines of a table and the cells of its columns of ours; what is no row is noted as refused."""
    table = read_table(path)
    columns = {name: column for name in (ID, LABEL, WAS) if (column := _column(table, name))}
    for name in (ID, LABEL):
        if name not in columns:
            fix = f"its columns are {', '.join(table.columns[:10])}"
            raise SourceError(f"there is no column {name}", where=str(path), fix=fix)
    for record in table.records():
        if isinstance(record, Reject):
            refused.append((record.line, record.reason))
        else:
            cells = record.cells
            yield (
                record.line,
                {name: _read(cells[column]) for name, column in columns.items() if column in cells},
            )


def _column(table: Table, name: str) -> str | None:
    """The column of this name, compared as `index` does; other names for it are none.

    With `--target` there may be a column `category`, whose values are no labels.

    Raises:
        SourceError: There are two of them.
    """
    alike = [column for column in table.columns if plain_name(column) == plain_name(name)]
    found = name if name in alike else next(iter(alike), None)
    twice = found is not None and any(note.startswith(two_columns(found)) for note in table.notes)
    if twice or (len(alike) > 1 and found != name):
        raise SourceError(
            f"there are two columns {name}",
            where=str(table.path),
            fix="leave one of them, or name the other otherwise",
        )
    return found


def _read(cell: Any) -> Any:
    return read_cell(cell) if isinstance(cell, str) else cell
