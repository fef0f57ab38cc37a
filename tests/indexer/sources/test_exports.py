"""Each export is indexed with no flag, and every cell is what a person would say it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from tests.indexer.sources.exports import EXPORTS


def kinds(attributes: Mapping[str, Any]) -> dict[str, type]:
    """The types of values; to Python True is 1, while 5 and 5.0 are one number to everybody."""
    plain = {name: type(value) for name, value in attributes.items()}
    return {name: float if kind is int else kind for name, kind in plain.items()}


def test_there_are_exports_of_every_kind() -> None:
    assert len(EXPORTS) >= 40


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_indexed_as_a_person_would_read_it(name: str, tmp_path: Path) -> None:
    export = EXPORTS[name]
    source = open_source(export.write(tmp_path))
    settings = Settings(data=tmp_path / "data", workers=1)
    report = index_source(source, IndexRequest(encoder="hsv"), settings)
    assert (report.refused, report.added) == ([], len(export.items))
    assert len(source) == len(export.items)
    assert sorted(source.ids()) == sorted(export.items)
    with SearchEngine(settings=settings) as engine:
        collection = engine.catalog.collection("default")
        stored = engine.catalog.get_many(collection, list(export.items))
    assert set(stored) == set(export.items)
    for item_id, wanted in export.items.items():
        item = stored[item_id]
        assert (item.label, item.product_id) == (wanted.label, wanted.product_id), item_id
        assert item.attributes == wanted.attributes, item_id
        assert kinds(item.attributes) == kinds(wanted.attributes), item_id
        assert item.picture == str((tmp_path / wanted.picture).resolve()), item_id
