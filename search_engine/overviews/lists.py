"""Lists of suspicious items, read page by page with what the catalog knows of them now."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from search_engine.catalog.chunks import in_parts
from search_engine.catalog.fields import value_of
from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.cursors import read_cursor, write_cursor
from search_engine.overviews.storage import Kind, Origin, Overview, load_overview
from search_engine.records import CatalogItem, Neighbor

LISTED = 10_000
"""So many items are listed at most, the most suspicious."""
SHOWN_NEIGHBORS = 3


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Another label for an item: its share of the neighbors' votes, and whether to believe it."""

    label: str
    support: float
    is_error: bool


@dataclass(frozen=True, slots=True)
class Suspect:
    """An item of a list; `label` is its value of the target that was judged.

    `score` is the probability of its label, or its mean cosine with the nearest items: the lower,
    the more suspicious. `neighbors` have the suggested label, or are simply the nearest.
    """

    item: CatalogItem
    label: str | None
    score: float
    neighbors: tuple[Neighbor, ...]
    suggestion: Suggestion | None = None


@dataclass(frozen=True, slots=True)
class SuspectPage:
    """Some of the suspects of a list, in order; None for `next_cursor` ends them.

    `outdated` says that the catalog changed since the list was made.
    """

    suspects: tuple[Suspect, ...]
    next_cursor: str | None
    origin: Origin
    outdated: bool


def suspect_page(
    catalog: Catalog,
    live: LiveCollection,
    kind: Kind,
    target: str,
    limit: int,
    cursor: str | None = None,
) -> SuspectPage:
    """The first suspects of a list, or those behind the page that a cursor ends.

    Items that were removed, or have another picture or label by now, are left out: what was wrong
    with them may be mended. So pages of one list never show an item twice.

    Raises:
        OverviewNotFoundError: The list was not made yet.
        ParameterError: The cursor is none, or of another list.
    """
    overview = load_overview(catalog, live.record, kind, target)
    question: dict[str, Any] = {
        "collection": live.record.uid,
        "list": (kind, overview.origin.seq, overview.origin.made_at),
        "target": target,
    }
    start = 0 if cursor is None else read_cursor(cursor, question, (int,))[0]
    found = list(islice(suspects_of(catalog, live, overview, max(0, start)), limit + 1))
    shown = found[:limit]
    return SuspectPage(
        tuple(suspect for _, suspect in shown),
        write_cursor((shown[-1][0] + 1,), question) if len(found) > limit else None,
        overview.origin,
        catalog.is_changed(live.record, overview.origin.seq),
    )


def suspects_of(
    catalog: Catalog, live: LiveCollection, overview: Overview, start: int = 0
) -> Iterator[tuple[int, Suspect]]:
    """Yield suspects that are as they were when the list was made, with their places in it."""
    arrays, origin = overview.arrays, overview.origin
    newer = {*catalog.newer(live.record, origin.seq).tolist()}
    for rows in in_parts(range(start, len(arrays["keys"]))):
        wanted = arrays["keys"][rows].tolist(), arrays["neighbors"][rows].tolist()
        known = catalog.by_keys(list({*wanted[0], *(key for each in wanted[1] for key in each)}))
        for row, key, near in zip(rows, *wanted, strict=True):
            item = known.get(key)
            if item is None or key in newer:
                continue
            label = value_of(item, origin.target)
            if origin.kind == "mislabelled" and label != origin.names[arrays["labels"][row]]:
                continue
            neighbors = tuple(
                Neighbor(known[each], float(score))
                for each, score in zip(near, arrays["cosines"][row], strict=True)
                if each in known
            )
            score = float(arrays["scores"][row])
            yield row, Suspect(item, label, score, neighbors, _suggestion(overview, row))


def _suggestion(overview: Overview, row: int) -> Suggestion | None:
    if overview.origin.kind != "mislabelled" or overview.arrays["suggested"][row] < 0:
        return None
    arrays = overview.arrays
    return Suggestion(
        overview.origin.names[int(arrays["suggested"][row])],
        float(arrays["support"][row]),
        bool(arrays["errors"][row]),
    )
