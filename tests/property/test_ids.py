"""A text is refused by every way in, or means the same item to all of them."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.exchange.exporting import export_embeddings
from indexer.exchange.files import open_embeddings
from indexer.exchange.importing import ImportRequest, import_embeddings
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import ItemNotFoundError, ParameterError
from search_engine.names import check_item_id
from search_engine.storage.paths import DataPaths
from tests.api.asking import DEFAULT, CheckedClient
from tests.images.pictures import jpeg, photo

PICTURE = jpeg(photo(24, 24))
PIECES = st.sampled_from(
    ["..", ".", "/", "//", "%2e", "%2F", "%", "\\", "image", "similar", "items", "e\u0301", "é",
     " ", "\n", "\r", "\t", "\x00", "\x7f", "\x85", "\u2028", "\u00a0", "\ufeff", "\u212b", "?",
     "#", "&", "+", ";", ":", "a", "7", "İ", "ß", "😀", "א", "'", '"', ",", "=", "\ufffd",
     "x" * 250]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=5).map("".join) | st.text(max_size=12)


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, CheckedClient]]:
    """A folder with a picture, and a client of an app on a collection of hand-made embeddings."""
    base = tmp_path_factory.mktemp("ways")
    (base / "photos").mkdir()
    (base / "photos" / "p.jpg").write_bytes(PICTURE)
    for name in ("http", "python", "table"):
        index_source(
            open_source(base / "photos"),
            IndexRequest(encoder="hsv"),
            Settings(data=base / name, workers=1),
        )
        with SearchEngine(base / name) as engine:
            engine.remove("p.jpg")
    with CheckedClient(base / "http") as client:
        yield base, client


@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
@given(texts=st.lists(TEXTS, min_size=10, max_size=25, unique=True))
def test_a_text_means_the_same_item_everywhere(
    ways: tuple[Path, CheckedClient], texts: list[str]
) -> None:
    base, client = ways
    by_http = {item for text in texts if (item := through_http(client, text)) is not None}
    by_python = through_python(base / "python", texts)
    by_table = through_a_table(base, texts)
    assert by_http == by_python == by_table
    assert through_export_and_import(base, tuple(by_python)) == by_python


def through_http(client: CheckedClient, text: str) -> str | None:
    """Put, read, change, look at, compare and delete an item; its id, or None if it is refused."""
    path = quote(text, safe="").replace(".", "%2E")  # the client would take `.` out
    put = client.put(f"{DEFAULT}/items/{path}", files={"image": ("p", PICTURE)})
    stored, refused = spelled(text)
    if stored is None:
        assert put.status_code == (404 if text == "" else 422)
        assert text == "" or refused in put.json()["detail"]
        for method in ("GET", "DELETE"):
            assert client.request(method, f"{DEFAULT}/items/{path}").status_code in (404, 405)
        return None
    assert (put.status_code, put.json()["item_id"]) == (201, stored)
    for spelling in {path, quote(text), quote(stored, safe="")}:
        assert client.get(f"{DEFAULT}/items/{spelling}").json()["item_id"] == stored
        patched = client.patch(f"{DEFAULT}/items/{spelling}", json={"label": "l"})
        assert patched.json()["item_id"] == stored
        image = client.get(f"{DEFAULT}/images/{spelling}")
        assert image.headers["content-type"] == "image/jpeg"
        assert client.get(f"{DEFAULT}/similar/{spelling}").status_code == 200
    asked = client.post(f"{DEFAULT}/classify", json={"item_id": text})
    assert asked.status_code == 200
    assert [one["item_id"] for one in client.get(f"{DEFAULT}/items").json()["items"]] == [stored]
    assert client.delete(f"{DEFAULT}/items/{path}").status_code == 204
    assert client.get(f"{DEFAULT}/items").json()["items"] == []
    return stored


def spelled(text: str) -> tuple[str | None, str]:
    """The id that a text is stored as, or why there is none."""
    try:
        return check_item_id(text), ""
    except ParameterError as error:
        return None, error.what


def through_python(data: Path, texts: list[str]) -> set[str]:
    """Ids that `upsert` takes; the data directory holds exactly these then."""
    taken = set()
    with SearchEngine(data) as engine:
        record = engine.live("default").record
        for item in list(engine.catalog.item_ids(record)):
            engine.remove(item)
        for text in texts:
            try:
                item_id = engine.upsert(text, PICTURE).item_id
            except ParameterError:
                with pytest.raises(ItemNotFoundError):
                    engine.similar(text)
                continue
            taken.add(item_id)
            assert engine.describe(text, {"product_id": text}).item_id == item_id
        assert set(engine.catalog.item_ids(record)) == taken
    return taken


def through_a_table(base: Path, texts: list[str]) -> set[str]:
    """Ids of the items that a CSV file leads to."""
    table = base / "photos" / "table.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, quoting=csv.QUOTE_ALL)
        rows.writerow(["item_id", "image"])
        rows.writerows([text, "p.jpg"] for text in texts)
    settings = Settings(data=base / "table", workers=1)
    report = index_source(open_source(table), IndexRequest(prune=True, prune_many=True), settings)
    refused = DataPaths(base / "table").rejects("default")
    rejects = refused.read_text("utf-8").split("\n")[:-1] if refused.exists() else []
    assert {json.loads(line)["code"] for line in rejects} <= {"bad_id", "bad_value"}
    assert len(rejects) == report.rejected
    with SearchEngine(base / "table") as engine:
        return set(engine.catalog.item_ids(engine.live("default").record))


def through_export_and_import(base: Path, ids: tuple[str, ...]) -> set[str]:
    """Ids of the items of `python`, written to a file and read into an empty collection."""
    if not ids:
        return set()
    file = base / "moved.npy"
    with SearchEngine(base / "python") as engine:
        export_embeddings(engine.catalog, "default", file, force=True)
    settings = Settings(data=base / "http", workers=1)
    name = "moved"
    with SearchEngine(settings=settings) as engine:
        if name in [one.name for one in engine.catalog.collections()]:
            engine.delete_collection(name)
    report = import_embeddings(open_embeddings(file), ImportRequest(collection=name), settings)
    assert (report.added, report.rejected) == (len(ids), 0)
    with SearchEngine(settings=settings) as engine:
        return set(engine.catalog.item_ids(engine.live(name).record))
