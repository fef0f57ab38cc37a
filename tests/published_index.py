"""A small catalog's published index, and what it answers."""

import json
from pathlib import Path

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.indexes.manifest import seal_of
from search_engine.storage.durable import sha256_file
from tests.contract.exact_index import ExactIndex
from tests.small_catalog import (
    DIMENSION,
    live,
    put,
    unit_vectors,
)


def published(catalog: Catalog, collection: Collection, *names: str) -> str:
    put(catalog, collection, names)
    name = live(catalog, collection).compact(force=True)
    assert name is not None
    return name


def answers(catalog: Catalog, collection: Collection) -> list[tuple[int, float]]:
    snapshot = live(catalog, collection).snapshot()
    assert snapshot is not None
    keys, scores = snapshot.search(unit_vectors(1, seed=3), 10).row(0)
    return list(zip(keys.tolist(), scores.tolist(), strict=True))


def reseal(folder: Path, **changes: object) -> None:
    """A manifest that fits the files as they are now."""
    path = folder / "manifest.json"
    described = {**json.loads(path.read_bytes()), **changes}
    described.pop("seal")
    for name, facts in described["files"].items():
        facts |= {"bytes": (folder / name).stat().st_size, "sha256": sha256_file(folder / name)}
    described["seal"] = seal_of(described)
    path.write_text(json.dumps(described))


def oracle_answers(catalog: Catalog, collection: Collection) -> list[tuple[int, float]]:
    changes = catalog.changes_since(collection, -1)
    oracle = ExactIndex(DIMENSION)
    oracle.upsert(changes.keys, changes.vectors)
    keys, scores = oracle.search(unit_vectors(1, seed=3), 10).row(0)
    return list(zip(keys.tolist(), scores.tolist(), strict=True))
