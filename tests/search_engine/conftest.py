"""A small catalog and a collection in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from tests.small_catalog import bound_collection, open_catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with open_catalog(tmp_path) as catalog:
        yield catalog


@pytest.fixture
def collection(catalog: Catalog) -> Collection:
    return bound_collection(catalog)
