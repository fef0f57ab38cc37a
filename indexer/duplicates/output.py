"""Files of duplicates: lines of JSON, or a table."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indexer.csv_cells import safe_cell
from indexer.duplicates.finding import Duplicates, Group
from search_engine.storage.durable import replace_synced, storage_error

COLUMNS = ("group", "tier", "item_id")


def group_json(group: Group) -> dict[str, Any]:
    """For programs."""
    return {"tier": group.tier, "items": list(group.items)}


def write_groups(file: Path, found: Duplicates) -> None:
    """Write a line of JSON for each group, whole, or not at all.

    Raises:
        StorageError: It cannot be written.
    """
    lines = (json.dumps(group_json(each), ensure_ascii=False) for each in found.groups)
    _write(file, "".join(f"{line}\n" for line in lines))


def write_group_table(file: Path, found: Duplicates) -> None:
    """Write a CSV with a row for each item of each group, whole, or not at all.

    Raises:
        StorageError: It cannot be written.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerows(map(safe_cell, row) for row in _rows(found))
    _write(file, text.getvalue())


def _rows(found: Duplicates) -> Iterator[tuple[int, str, str]]:
    for number, group in enumerate(found.groups, start=1):
        for item_id in group.items:
            yield number, group.tier, item_id


def _write(file: Path, text: str) -> None:
    try:
        replace_synced(file, text.encode())
    except OSError as error:
        raise storage_error(error, "writing the duplicates", file) from error
