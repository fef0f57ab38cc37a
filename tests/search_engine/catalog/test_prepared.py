"""Statements that are given to the driver as text: their rows are those of SQLAlchemy."""

from dataclasses import fields
from pathlib import Path

from sqlalchemy import Integer, bindparam, select

from search_engine.catalog.collection_rows import _COLLECTION_COLUMNS, Collection
from search_engine.catalog.item_rows import ITEM_COLUMNS
from search_engine.catalog.prepared import Prepared
from search_engine.catalog.tables import items
from search_engine.records import CatalogItem
from tests.small_catalog import bound_collection, draft, open_catalog, put


def test_rows_are_as_sqlalchemy_gives_them(tmp_path: Path) -> None:
    statement = (
        select(*ITEM_COLUMNS)
        .where(
            items.c.key >= bindparam("least", type_=Integer), items.c.label == bindparam("label")
        )
        .where(items.c.key <= bindparam("most", type_=Integer))
    )
    values = {"label": "é", "most": 8, "least": 2}
    with open_catalog(tmp_path) as catalog:
        drafts = [
            draft(f"i{n}", label="é" if n % 2 else None, attributes={"n": n, "list": [1, "ü"]})
            for n in range(10)
        ]
        put(catalog, bound_collection(catalog), drafts)
        with catalog.read() as connection:
            wanted = [tuple(row) for row in connection.execute(statement, values)]
            prepared = Prepared(statement)
            for _ in range(2):
                assert list(prepared.rows(connection, **values)) == wanted
    assert len(wanted) == 4


def test_columns_stand_in_the_order_of_the_records() -> None:
    for columns, record in ((ITEM_COLUMNS, CatalogItem), (_COLLECTION_COLUMNS, Collection)):
        wanted = [each.name for each in fields(record)]
        assert [each.name for each in columns][: len(wanted)] == wanted
