"""Indexes of attributes: which there are, that queries use them, and names of every kind."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from search_engine.catalog.attributes import MAX_INDEXED_PATH, is_indexable, json_path
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.field_indexes import MAX_FIELD_INDEXES, _present, index_name
from search_engine.catalog.filters import compile_filter, parse_filter
from search_engine.catalog.key_queries import FEW
from search_engine.catalog.store import Catalog
from search_engine.catalog.writer import ItemDraft
from search_engine.errors import ParameterError
from search_engine.names import normal
from tests.small_catalog import (
    FINGERPRINT,
    bound_collection,
    draft,
    open_catalog,
    put,
    put_attributes,
    unit_vectors,
)

ODD_NAMES = [
    "it's",
    "a:b",
    "100%",
    "%s %(x)s",
    "what?",
    "?1",
    ":path",
    "__[POSTCOMPILE_path_1]",
    "'; DROP TABLE items; --",
    "a.b",
    "$",
    "[0]",
    "#",
    "größe",
    "価格",
    "🧢",
    "back\\slash",
    "ends with \\",
    "line\nbreak",
    "tab\t",
    "\x00",
    "\x7f",
    "\u2028",
    "",
    " ",
    "x" * 128,
    "価" * 128,
    "🧢" * 128,
    "x" * 5_000,
]


def indexes(catalog: Catalog) -> set[str]:
    """Names of the indexes of attributes that the database has."""
    with catalog.read() as connection:
        return _present(connection)


def found(catalog: Catalog, collection: Collection, source: Any) -> list[int]:
    keys = catalog.keys_where(collection, compile_filter(parse_filter(source)))
    return [int(key) for key in keys]


class Plans:
    """How SQLite goes about what a catalog reads, as it says itself."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._ran: list[tuple[str, Any]] = []
        event.listen(catalog._database.readers, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        self._ran.append((statement, values))

    def of(self, collection: Collection, source: Any) -> list[str]:
        """Every step that has to do with items."""
        return [step for steps in self._explain("QUERY PLAN", collection, source) for step in steps]

    def reads_rows(self, collection: Collection, source: Any) -> bool:
        """Whether a value is taken from the table itself, and not from an index."""
        return any("read from items" in steps for steps in self._explain("", collection, source))

    def _explain(self, how: str, collection: Collection, source: Any) -> list[list[str]]:
        self._ran.clear()
        found(self._catalog, collection, source)
        ran = [each for each in self._ran if "FROM items" in each[0]]
        assert ran
        with self._catalog.read() as connection:
            page = connection.execute(
                text("SELECT rootpage FROM sqlite_master WHERE name = 'items'")
            ).scalar_one()
            explained = [
                connection.exec_driver_sql(f"EXPLAIN {how} {statement}", values).all()
                for statement, values in ran
            ]
        if how:
            return [[row[3] for row in rows if " items" in row[3]] for rows in explained]
        return [_table_reads(rows, page) for rows in explained]


def _table_reads(program: Any, page: int) -> list[str]:
    """The steps of a program that take a column through the cursor on the table."""
    cursors = {row.p1 for row in program if row.opcode == "OpenRead" and row.p2 == page}
    return ["read from items" for row in program if row.opcode == "Column" and row.p1 in cursors]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Plans, Collection]]:
    """Of more items than are looked up one by one. Do not change it."""
    with open_catalog(tmp_path_factory.mktemp("large")) as catalog:
        collection = bound_collection(catalog)
        put(catalog, collection, many(FEW + 500))
        yield Plans(catalog), collection


def many(count: int) -> list[ItemDraft]:
    """Items that have every kind of attribute."""
    vector = unit_vectors(1)[0]
    return [
        draft(
            str(number),
            vector,
            label=f"a/{number % 7}",
            product_id=str(number // 3),
            attributes={"price": number, "colour": f"c/{number % 5}", "new": number % 2 == 0},
        )
        for number in range(count)
    ]


SOME = [
    ("eq", 3), ("in", [3, 4]), ("lt", 3), ("lte", 3), ("gt", 3), ("gte", 3), ("exists", True),
    ("ne", 3), ("eq", "c/1"), ("in", ["c/1", "c/2"]), ("lt", "c/1"), ("under", "c"), ("eq", True),
    ("in", [1, "c", True]),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "value"), SOME)
@pytest.mark.parametrize("field", ["price", "colour", "new"])
@pytest.mark.sqlite_only("how SQLite goes about it")
def test_a_condition_on_an_attribute_searches_its_index(
    large: tuple[Plans, Collection], field: str, operator: str, value: Any
) -> None:
    plans, collection = large
    steps = plans.of(collection, {"field": field, operator: value})
    wanted = rf"SEARCH items USING (COVERING )?INDEX {index_name(field)} "
    wanted += r"\(collection_id=\? AND <expr>=\?( AND <expr>[=<>]+\?)*\)"
    assert steps
    assert all(re.fullmatch(wanted, step) for step in steps), steps
    if operator in ("eq", "in", "lt", "lte", "gt", "gte", "under"):
        assert re.search(r"<expr>=\? AND <expr>[=<>]+\?", steps[0])


BUILT_IN = {"label": "items_live_label", "product_id": "items_live_product"}


@pytest.mark.parametrize(
    ("operator", "value"),
    [("eq", "a"), ("in", ["a", "b"]), ("lt", "a"), ("gte", "a"), ("under", "a"), ("exists", True)],
)
@pytest.mark.parametrize("field", ["label", "product_id", "item_id"])
@pytest.mark.sqlite_only("how SQLite goes about it")
def test_a_condition_on_a_column_searches_its_index(
    large: tuple[Plans, Collection], field: str, operator: str, value: Any
) -> None:
    plans, collection = large
    (step,) = plans.of(collection, {"field": field, operator: value})
    index = BUILT_IN.get(field, "items_live_id")
    wanted = rf"SEARCH items USING (COVERING )?INDEX {index} \(collection_id=\? AND {field}[<=>]"
    if (field, operator) == ("item_id", "exists"):  # every item has one
        wanted = r"SEARCH items USING (COVERING )?INDEX items_live \(collection_id=\?\)"
    assert re.match(wanted, step), step


@pytest.mark.parametrize(
    "source",
    [
        {"field": "price", "lt": 100},
        {"field": "price", "in": [1, 2, 3]},
        {"field": "colour", "under": "c"},
        {"field": "colour", "ne": "c/1"},
        {"field": "colour", "exists": False},
        {"field": "new", "eq": True},
        {"field": "label", "under": "a"},
        {"field": "product_id", "gte": "1"},
        {"all": [{"field": "price", "gte": 9}, {"not": {"field": "label", "eq": "a/1"}}]},
    ],
)
@pytest.mark.sqlite_only("how SQLite goes about it")
def test_keys_are_found_without_reading_an_item(
    large: tuple[Plans, Collection], source: Any
) -> None:
    plans, collection = large
    assert not plans.reads_rows(collection, source)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.sqlite_only("how SQLite goes about it")
def test_of_two_conditions_the_one_on_many_items_is_looked_up_in_the_few_of_the_other(
    large: tuple[Plans, Collection], turned: bool
) -> None:
    plans, collection = large
    parts = [{"field": "price", "lt": 9}, {"field": "label", "under": "a"}]
    *_, numbers, lists, last = plans.of(collection, {"all": parts[::-1] if turned else parts})
    assert index_name("price") in numbers
    assert index_name("price") in lists
    assert last == "SEARCH items USING INTEGER PRIMARY KEY (rowid=?)"


@pytest.mark.sqlite_only("how SQLite goes about it")
def test_without_an_index_items_are_read(catalog: Catalog, collection: Collection) -> None:
    """What the tests above look for is there when it should be."""
    put(catalog, collection, many(300))
    plans = Plans(catalog)
    source = {"field": "price", "lt": 100}
    wanted = found(catalog, collection, source)
    with catalog._database.writers.begin() as connection:
        connection.exec_driver_sql(f"DROP INDEX {index_name('price')}")
    assert plans.reads_rows(collection, source)
    assert not any(index_name("price") in step for step in plans.of(collection, source))
    assert found(catalog, collection, source) == wanted


@pytest.mark.sqlite_only("how SQLite goes about it")
def test_pages_and_ids_are_searched_and_not_sorted(
    catalog: Catalog, collection: Collection
) -> None:
    put(catalog, collection, many(3))
    statements = {
        "SELECT * FROM items WHERE collection_id = 1 AND removed = 0 AND item_id IN ('1', '2')":
            "items_live_id (collection_id=? AND item_id=?)",
        "SELECT * FROM items WHERE collection_id = 1 AND removed = 0 AND key > 5 ORDER BY key":
            "items_live (collection_id=? AND rowid>?)",
    }  # fmt: skip
    with catalog.read() as connection:
        for statement, wanted in statements.items():
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
            assert [row[3] for row in steps] == [f"SEARCH items USING INDEX {wanted}"]


def test_every_attribute_gets_one_index_with_its_first_item(
    catalog: Catalog, collection: Collection
) -> None:
    assert indexes(catalog) == set()
    keys = put_attributes(catalog, collection, {"a": {"x": 1, "y": 2}, "b": {"y": 3, "z": None}})
    assert indexes(catalog) == {index_name(name) for name in "xyz"}
    with catalog.write() as writer:
        writer.describe(collection.id, {keys["a"]: {"attributes": {"later": 1}}})
    assert indexes(catalog) == {index_name(name) for name in ("x", "y", "z", "later")}


def test_a_transaction_that_fails_makes_no_index(catalog: Catalog, collection: Collection) -> None:
    drafts = [draft("a", attributes={"x": 1})]

    def fail_at_the_end() -> None:
        with catalog.write() as writer:
            writer.put(collection.id, FINGERPRINT, drafts)
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fail_at_the_end()
    assert indexes(catalog) == set()
    put(catalog, collection, drafts)
    assert indexes(catalog) == {index_name("x")}


def test_an_index_goes_with_the_last_collection_that_has_the_field(
    catalog: Catalog, collection: Collection
) -> None:
    other = bound_collection(catalog, "other")
    put_attributes(catalog, collection, {"a": {"shared": 1, "mine": 1}})
    put_attributes(catalog, other, {"a": {"shared": 1, "theirs": 1}})
    with catalog.write() as writer:
        writer.delete_collection(collection.id)
    assert indexes(catalog) == {index_name("shared"), index_name("theirs")}
    assert len(found(catalog, other, {"field": "shared", "eq": 1})) == 1
    with catalog.write() as writer:
        writer.delete_collection(other.id)
    assert indexes(catalog) == set()


def test_fields_beyond_the_limit_have_no_index_and_are_found_all_the_same(
    catalog: Catalog, collection: Collection
) -> None:
    names = [f"field {number:03d}" for number in range(MAX_FIELD_INDEXES + 3)]
    first, last = names[0], names[-1]
    keys = put_attributes(catalog, collection, {"a": dict.fromkeys(names, 1), "b": {last: 2}})
    assert indexes(catalog) == {index_name(name) for name in names[:MAX_FIELD_INDEXES]}
    for name in (first, last):
        assert found(catalog, collection, {"field": name, "eq": 1}) == [keys["a"]]
    assert found(catalog, collection, {"field": last, "exists": True}) == sorted(keys.values())


def test_a_place_that_becomes_free_goes_to_a_field_without_index(
    catalog: Catalog, collection: Collection
) -> None:
    names = [f"field {number:03d}" for number in range(MAX_FIELD_INDEXES)]
    other = bound_collection(catalog, "other")
    put_attributes(catalog, collection, {"a": dict.fromkeys(names, 1)})
    put_attributes(catalog, other, {"a": {"late": 1, names[0]: 1}})
    assert index_name("late") not in indexes(catalog)
    with catalog.write() as writer:
        writer.delete_collection(collection.id)
    assert indexes(catalog) == {index_name("late"), index_name(names[0])}


@pytest.mark.parametrize("name", ODD_NAMES, ids=lambda name: ascii(name)[:30])
def test_an_attribute_of_any_name_is_found(
    catalog: Catalog, collection: Collection, name: str, database: str
) -> None:
    if database == "postgresql" and name == "\x00":
        pytest.skip("PostgreSQL has no NUL, nor has any name that the interfaces take")
    storable = [each for each in ODD_NAMES if each != "\x00" or database == "sqlite"]
    others = {other: 1 for other in storable if other != name}
    keys = put_attributes(
        catalog, collection, {"a": {**others, name: 2}, "b": {name: ["x", 3]}, "c": others}
    )
    assert found(catalog, collection, {"field": name, "eq": 2}) == [keys["a"]]
    assert found(catalog, collection, {"field": name, "in": [3, "y"]}) == [keys["b"]]
    assert found(catalog, collection, {"field": name, "exists": False}) == [keys["c"]]
    assert (index_name(name) in indexes(catalog)) == is_indexable(name)
    values = catalog.facets(collection, [name])[name]
    assert [(one.value, one.count) for one in values] == [(2, 1), (3, 1), ("x", 1)]


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=30).filter(lambda name: not {'"', "\0"} & {*name}).map(normal))
def test_any_name_is_found_by_its_path(
    shared_catalog: tuple[Catalog, Collection], name: str
) -> None:
    catalog, collection = shared_catalog
    keys = put_attributes(catalog, collection, {"a": {name: "here"}, "b": {f"{name}x": "here"}})
    assert found(catalog, collection, {"field": name, "eq": "here"}) == [keys["a"]]


@pytest.fixture(scope="module")
def shared_catalog(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Catalog, Collection]]:
    with open_catalog(tmp_path_factory.mktemp("names")) as catalog:
        yield catalog, bound_collection(catalog)


@pytest.mark.parametrize("name", ['"', 'a"b', '"; DROP TABLE items'])
def test_a_name_with_a_double_quote_is_refused_and_not_searched_in_vain(
    catalog: Catalog, collection: Collection, name: str
) -> None:
    put_attributes(catalog, collection, {"a": {name: 1, "x": 1}})
    assert indexes(catalog) == {index_name("x")}
    for use in (
        lambda: found(catalog, collection, {"field": name, "eq": 1}),
        lambda: catalog.facets(collection, [name]),
    ):
        with pytest.raises(ParameterError, match="double quote") as caught:
            use()
        assert caught.value.fix


def test_any_name_that_the_interfaces_take_is_indexable() -> None:
    """They take up to 128 characters (`indexer.sources`), of which one becomes at most twelve."""
    assert is_indexable("🧢" * 128)
    assert len(json_path("🧢" * 128)) <= MAX_INDEXED_PATH
    assert not is_indexable("🧢" * 140)


@pytest.mark.sqlite_only("how SQLite goes about it")
def test_the_database_itself_compares_indexes_and_items(
    catalog: Catalog, collection: Collection
) -> None:
    put(catalog, collection, many(300))
    with catalog.write() as writer:
        writer.remove(found(catalog, collection, {"field": "price", "lt": 50}))
    with catalog.read() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalars().all() == ["ok"]
