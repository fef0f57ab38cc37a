"""Files of embeddings as other programs write them, and what an import makes of them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.exchange.files import open_embeddings
from indexer.exchange.importing import ImportReport, ImportRequest, import_embeddings
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.records import CatalogItem

CLIP = "external:clip"
Counts = tuple[int, int, int, int]


def write_npy(path: Path, vectors: NDArray[Any], records: Any) -> Path:
    """`path` and the JSON beside it."""
    np.save(path, vectors)
    path.with_suffix(".json").write_text(json.dumps(records), encoding="utf-8")
    return path


def write_parquet(path: Path, vectors: Any, records: Sequence[dict[str, Any]]) -> Path:
    """A column for each name in the records; the types are those that pyarrow finds."""
    import pyarrow as arrow
    from pyarrow import parquet

    table = arrow.Table.from_pylist(list(records))
    column = vectors if isinstance(vectors, arrow.Array) else arrow.array(list(vectors))
    parquet.write_table(table.append_column("embedding", column), path)
    return path


def take_in(path: Path, data: Path, encoder: str | None = CLIP, **request: Any) -> ImportReport:
    """Import a file into a data directory."""
    asked = ImportRequest(encoder=encoder, **request)
    return import_embeddings(open_embeddings(path), asked, Settings(data=data, workers=1))


def counts(report: ImportReport) -> Counts:
    """Added, updated, unchanged, rejected."""
    return report.added, report.updated, report.unchanged, report.rejected


def stored_items(data: Path) -> dict[str, tuple[CatalogItem, NDArray[np.float32]]]:
    """What the default collection holds, by id, with the embeddings as they are stored."""
    with SearchEngine(data) as engine:
        record = engine.catalog.collection("default")
        items = engine.catalog.page(record, 0, 10_000)
        return {one.item_id: (one, engine.catalog.vector(record, one.key)[0]) for one in items}


def rejects(data: Path) -> list[tuple[int, str | None, str]]:
    """Row, id and code of what the last run refused."""
    lines = (data / "rejects.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    return [(one["line"], one["item_id"], one["code"]) for one in found]
