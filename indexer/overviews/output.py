"""Files of lists and maps."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from indexer.csv_cells import safe_cell
from indexer.overviews.reviewing import ToReview
from search_engine.errors import ParameterError
from search_engine.overviews.lists import SHOWN_NEIGHBORS, Suspect
from search_engine.overviews.map import MapPage
from search_engine.storage.durable import replace_synced, storage_error

NEIGHBORS = tuple(f"neighbor_{number}" for number in range(1, SHOWN_NEIGHBORS + 1))
MISLABELLED = (
    "item_id", "label", "probability", "suggested", "support", "probable_error", *NEIGHBORS,
)  # fmt: skip
OUTLIERS = ("item_id", "label", "similarity", *NEIGHBORS)
MAP = ("item_id", "label", "x", "y", "cluster")
MAP_SUFFIXES = (".json", ".csv")
DIGITS = 6


def write_mislabelled(file: Path, suspects: Sequence[Suspect]) -> None:
    """Write a CSV with a row for each suspect, whole, or not at all.

    Raises:
        StorageError: It cannot be written.
    """
    _write_table(file, MISLABELLED, (_mislabelled(each) for each in suspects))


def write_outliers(file: Path, suspects: Sequence[Suspect]) -> None:
    """As `write_mislabelled`, for outliers."""
    rows = (
        (each.item.item_id, each.label, round(each.score, DIGITS), *_ids(each)) for each in suspects
    )
    _write_table(file, OUTLIERS, rows)


def write_review(file: Path, target: str, found: Sequence[ToReview]) -> None:
    """As `write_mislabelled`, for what to label; `apply_review` reads it with other labels.

    The column is named as the target, so that values of another field never become labels. The last
    one, `was`, tells what somebody has corrected from what has changed in the catalog since.
    """
    rows = (
        (
            each.item.item_id,
            each.label,
            each.suggested,
            round(each.doubt, DIGITS),
            each.reach,
            each.label,
        )
        for each in found
    )
    _write_table(file, ("item_id", target, "suggested", "doubt", "reach", "was"), rows)


def check_map_file(output: Path) -> None:
    """Refuse a file that a map cannot be written to.

    Raises:
        ParameterError: It is neither JSON nor CSV, or its folder does not exist.
    """
    if output.suffix.lower() not in MAP_SUFFIXES:
        fix = f"name it {' or '.join(MAP_SUFFIXES)}"
        raise ParameterError("the file is JSON or a CSV", where=str(output), fix=fix)
    if not output.parent.is_dir():
        raise ParameterError("there is no such folder", where=str(output.parent))


def write_map_table(file: Path, page: MapPage) -> None:
    """Write a CSV with a row for each point, whole, or not at all.

    Raises:
        StorageError: It cannot be written.
    """
    points = page.points
    rows = (
        (item.item_id, item.label, round(x, DIGITS), round(y, DIGITS), page.clusters[cluster].name)
        for item, (x, y), cluster in zip(
            page.items, points.places.tolist(), points.clusters.tolist(), strict=True
        )
        if item is not None
    )
    _write_table(file, MAP, rows)


def write_text(file: Path, text: str) -> None:
    """Write a file whole, or not at all.

    Raises:
        StorageError: It cannot be written.
    """
    try:
        replace_synced(file, text.encode())
    except OSError as error:
        raise storage_error(error, "writing the list", file) from error


def _write_table(file: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    table.writerows(map(safe_cell, row) for row in rows)
    write_text(file, text.getvalue())


def _mislabelled(found: Suspect) -> tuple[Any, ...]:
    suggestion = found.suggestion
    return (
        found.item.item_id,
        found.label,
        round(found.score, DIGITS),
        suggestion.label if suggestion else "",
        round(suggestion.support, DIGITS) if suggestion else "",
        "yes" if suggestion and suggestion.is_error else "no",
        *_ids(found),
    )


def _ids(found: Suspect) -> Iterable[str]:
    return (each.item.item_id for each in found.neighbors)
