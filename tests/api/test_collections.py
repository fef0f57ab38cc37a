"""Collections, labels, health, the page and the description of the API."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.openapi.models import OpenAPI

from search_engine.collections.live import LiveCollection
from search_engine.config import Settings
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.errors import ModelMismatchError
from search_engine.indexes.generations import current
from search_engine.maintenance.check import check_data
from tests.api.asking import DEFAULT, CheckedClient, assert_problem, catalog_rows
from tests.conftest import copy_data
from tests.small_catalog import bound_collection, draft, open_catalog, put

COLLECTIONS = "/v1/collections"


def test_collections_are_listed_with_their_encoder(client: CheckedClient, sample: Path) -> None:
    (only,) = client.get(COLLECTIONS).json()["collections"]
    assert only == client.get(DEFAULT).json()
    assert only["name"] == "default"
    assert only["items"] == len(catalog_rows(sample))
    assert only["encoder"]["name"] == "hsv"
    assert only["encoder"]["dimension"] == 972
    assert only["generation"] == "gen-000001"
    assert only["pending"] == 0
    assert {"color", "price", "view"} <= set(only["fields"])
    assert only["fields"] == sorted(only["fields"])


def test_encoders_are_listed_with_what_they_need(client: CheckedClient) -> None:
    listed = client.get("/v1/encoders").json()["encoders"]
    known = {each["name"]: each for each in listed}
    assert [each["name"] for each in listed if each["default"]] == [DEFAULT_ENCODER]
    assert known["hsv"]["ready"]
    assert known["hsv"]["dimension"] == create_encoder(EncoderRequest("hsv")).spec.dimension
    assert not known["sift"]["ready"], "it needs a vocabulary"
    assert not known["timm:<name>"]["ready"], "it needs a name"
    assert known["efficientnet_lite2"]["extra"] == "best"


def test_labels_are_counted(client: CheckedClient, sample: Path) -> None:
    body = client.get(f"{DEFAULT}/labels").json()
    labels = body["labels"]
    names = [each["label"] for each in labels]
    wanted = [row["label"] for row in catalog_rows(sample)]
    assert names == sorted(set(wanted))
    assert {each["label"]: each["count"] for each in labels} == {
        name: wanted.count(name) for name in names
    }
    assert body["next_cursor"] is None


def test_labels_are_lean(client: CheckedClient) -> None:
    for label in client.get(f"{DEFAULT}/labels").json()["labels"]:
        assert set(label) == {"label", "count", "example"}
        assert set(label["example"]) == {"item_id", "image_url"}
        item = client.get(f"{DEFAULT}/items/{label['example']['item_id']}").json()
        assert item["label"] == label["label"]
        assert item["image_url"] == label["example"]["image_url"]


LABELS = {"Café/Tasse": 2, "Cafe": 1, "cafeteria": 1, "Fruit": 2, "Fruit/Apple": 1, "Fruit-X": 1,
          "Fruit/Apple/Fuji": 1, "Fruit0": 1}  # fmt: skip


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckedClient]:
    """On a collection with these labels."""
    data = tmp_path_factory.mktemp("labelled")
    with open_catalog(data) as catalog:
        collection = bound_collection(catalog)
        names = [label for label, count in LABELS.items() for _ in range(count)]
        drafts = [draft(str(number), label=label) for number, label in enumerate(names)]
        put(catalog, collection, [*drafts, draft("without a label")])
    with CheckedClient(data) as made:
        yield made


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", sorted(LABELS)),
        ("under=Fruit", ["Fruit", "Fruit/Apple", "Fruit/Apple/Fuji"]),
        ("under=/Fruit/", ["Fruit", "Fruit/Apple", "Fruit/Apple/Fuji"]),
        ("under=Fruit/Apple", ["Fruit/Apple", "Fruit/Apple/Fuji"]),
        ("under=Fru", []),
        ("under=fruit", []),
        ("q=CAFÉ", ["Café/Tasse"]),
        ("q=cafe%CC%81", ["Café/Tasse"]),
        ("q=cafe", ["Cafe", "cafeteria"]),
        ("q=t/a", ["Fruit/Apple", "Fruit/Apple/Fuji"]),
        ("q=%25", []),
        ("q=_", []),
        ("q=FUJI&under=Fruit", ["Fruit/Apple/Fuji"]),
        ("q=cafe&under=Fruit", []),
    ],
)
def test_labels_are_narrowed_and_paged(
    labelled: CheckedClient, query: str, found: list[str]
) -> None:
    whole = labelled.get(f"{DEFAULT}/labels?{query}").json()
    assert [each["label"] for each in whole["labels"]] == found
    assert {each["label"]: each["count"] for each in whole["labels"]} == {
        label: LABELS[label] for label in found
    }
    assert whole["next_cursor"] is None
    for limit in (1, 2, 5):
        paged: list[object] = []
        cursor: str | None = ""
        while cursor is not None:
            body = labelled.get(f"{DEFAULT}/labels?{query}&limit={limit}{cursor}").json()
            assert len(body["labels"]) <= limit
            paged += body["labels"]
            cursor = body["next_cursor"] and f"&cursor={body['next_cursor']}"
        assert paged == whole["labels"]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "cursor=!!!", "cursor=%C3%A9", "cursor=_w", "page=2",
     "q=a&q=b", "under=" + "a/" * 600, "under=" + "x/" * 33 + "x"],
)  # fmt: skip
def test_odd_questions_for_labels_are_refused(client: CheckedClient, query: str) -> None:
    assert_problem(client.get(f"{DEFAULT}/labels?{query}"), 422, "bad_parameter")


@pytest.mark.parametrize(
    "path",
    ["/", "/static/js/main.js", "/openapi.json", "/healthz", "/readyz", COLLECTIONS, DEFAULT,
     f"{DEFAULT}/labels", f"{DEFAULT}/items", f"{DEFAULT}/facets?fields=label",
     f"{DEFAULT}/classifiers", f"{DEFAULT}/items/backpack-0001-a",
     f"{DEFAULT}/images/backpack-0001-a", f"{DEFAULT}/items/nothing"],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_head_is_get_without_the_body(client: CheckedClient, path: str, encoding: str) -> None:
    asked = {"accept-encoding": encoding}
    head, get = client.head(path, headers=asked), client.get(path, headers=asked)
    assert (head.status_code, head.content) == (get.status_code, b"")
    different = {"x-request-id"}
    assert {name: value for name, value in head.headers.items() if name not in different} == {
        name: value for name, value in get.headers.items() if name not in different
    }


@pytest.mark.parametrize(
    ("path", "packed"),
    [(f"{DEFAULT}/items", True), ("/static/js/main.js", True), ("/", True),
     ("/static/css/components.css", True), (f"{DEFAULT}/images/backpack-0001-a", False),
     ("/healthz", False)],
)  # fmt: skip
def test_texts_are_packed_and_pictures_are_not(
    client: CheckedClient, path: str, packed: bool
) -> None:
    plain = client.get(path, headers={"accept-encoding": "identity"})
    zipped = client.get(path, headers={"accept-encoding": "gzip"})
    assert zipped.content == plain.content
    assert ("gzip" in zipped.headers.get("content-encoding", "")) is packed
    assert "content-encoding" not in plain.headers
    if packed:
        assert "accept-encoding" in zipped.headers["vary"].lower()
        assert "accept-encoding" in plain.headers["vary"].lower()
        assert int(zipped.headers["content-length"]) < len(plain.content) / 2


def test_a_collection_is_made_described_and_deleted(changing: CheckedClient) -> None:
    made = changing.post(COLLECTIONS, json={"name": "spring-2_b"})
    assert made.status_code == 201
    assert made.json()["items"] == 0
    assert made.json()["encoder"] is None
    path = f"{COLLECTIONS}/spring-2_b"
    assert changing.get(path).json() == made.json()
    again = changing.post(COLLECTIONS, json={"name": "spring-2_b"})
    assert_problem(again, 409, "collection_exists")
    removed = changing.delete(path)
    assert (removed.status_code, removed.content) == (204, b"")
    gone = [changing.get(f"{path}{end}") for end in ("", "/labels", "/facets?fields=label")]
    for response in (*gone, changing.delete(path)):
        assert_problem(response, 404, "collection_not_found")
    assert changing.post(COLLECTIONS, json={"name": "spring-2_b"}).status_code == 201


@pytest.mark.parametrize(
    "name",
    ["", "A", "a b", "../up", "a/b", "-a", "_a", "x" * 64, "\x00", "é", ".", "a.lock", None, 5, []],
)  # fmt: skip
def test_names_that_cannot_be_are_refused(changing: CheckedClient, name: object) -> None:
    assert_problem(changing.post(COLLECTIONS, json={"name": name}), 422, "bad_parameter")


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        ("", "application/json", 400, "bad_json"),
        ("{", "application/json", 400, "bad_json"),
        ("[]", "application/json", 422, "bad_parameter"),
        ("{}", "application/json", 422, "bad_parameter"),
        ('{"name": "a", "owner": "b"}', "application/json", 422, "bad_parameter"),
        ('{"name": "a"}', "text/plain", 415, "unsupported_type"),
        ("name=a", "application/x-www-form-urlencoded", 415, "unsupported_type"),
        ("--b\r\n", "multipart/form-data; boundary=b", 415, "unsupported_type"),
    ],
)
def test_odd_bodies_are_refused(
    changing: CheckedClient, content: str, kind: str, status: int, code: str
) -> None:
    response = changing.post(COLLECTIONS, content=content, headers={"content-type": kind})
    assert_problem(response, status, code)


def test_health_and_readiness(client: CheckedClient) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_an_index_that_cannot_be_used_is_not_ready(
    client: CheckedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_weights(self: LiveCollection) -> None:
        raise ModelMismatchError("the weights changed", where="/secret/place")

    monkeypatch.setattr(LiveCollection, "encoder", other_weights)
    response = client.get("/readyz")
    body = assert_problem(response, 503, "not_ready")
    assert "model_mismatch" in body["detail"]
    assert "secret" not in response.text
    assert response.headers["retry-after"]
    assert client.get("/healthz").status_code == 200


def test_the_page_and_its_files_are_served(client: CheckedClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert client.get("/item/default?id=any").text == page.text
    assert client.get("/static/js/main.js").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/%2e%2e%2fapp.py",
     "/static//etc/passwd", "/static/js", "/static/", "/static/a%00b", "/docs", "/redoc"],
)  # fmt: skip
def test_no_other_file_is_served(client: CheckedClient, path: str) -> None:
    assert_problem(client.get(path), 404, "not_found")


def test_the_description_is_valid_openapi(client: CheckedClient) -> None:
    document = client.get("/openapi.json").json()
    described = OpenAPI.model_validate(document)
    assert described.info.title == "Eyedex"
    assert described.paths is not None
    assert len(described.paths) >= 11
    names = [
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
    ]
    assert len(names) == len(set(names))


def test_every_operation_lists_its_problems(client: CheckedClient) -> None:
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            statuses = set(operation["responses"])
            assert operation["summary"], where
            assert "default" in statuses, where
            if "{c}" in path:
                assert "404" in statuses, where
            if method in ("post", "put", "patch"):
                assert ("requestBody" in operation) == (not path.endswith("/rollback")), where
            if "requestBody" in operation:
                assert {"400", "415", "422"} <= statuses, where
            for status, answer in operation["responses"].items():
                if status == "default" or int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], where


def test_path_parameters_are_declared(client: CheckedClient) -> None:
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        named = {piece.split("}")[0] for piece in path.split("{")[1:]}
        for operation in operations.values():
            declared = {
                each["name"] for each in operation.get("parameters", []) if each["in"] == "path"
            }
            assert declared == named


@pytest.mark.parametrize("loss", ["all generations", "a damaged one"])
def test_a_server_builds_an_index_again_when_it_starts(
    hsv_data: Path, tmp_path: Path, loss: str
) -> None:
    """It answers meanwhile, and needs no change of an item to begin."""
    data = tmp_path / "data"
    copy_data(hsv_data, data)
    folder = data / "indexes" / "default"
    if loss == "all generations":
        shutil.rmtree(folder)
    else:
        with next(folder.glob("gen-*/vectors.f16")).open("r+b") as file:
            file.seek(-2, os.SEEK_END)
            file.write(b"\x00\x01")
    with CheckedClient(data) as client:
        assert client.get(f"{DEFAULT}/items").status_code == 200
        give_up = time.monotonic() + 60
        while client.get(DEFAULT).json()["pending"] and time.monotonic() < give_up:
            time.sleep(0.05)
        described = client.get(DEFAULT).json()
    name = current(folder)
    assert (described["pending"], described["generation"]) == (0, name)
    assert name is not None
    assert not [one for one in check_data(Settings(data=data)).findings if name in one.where]
