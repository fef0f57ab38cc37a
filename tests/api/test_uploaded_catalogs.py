"""From files on a client's disk to found items: upload, job, search."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.asking import DEFAULT, CheckedClient, ask, ask_json, assert_problem, ids
from tests.conftest import copy_data

pytestmark = pytest.mark.long

PATIENCE_S = 300


@pytest.fixture(scope="module")
def server(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckedClient]:
    data = copy_data(hsv_data, tmp_path_factory.mktemp("uploaded") / "data")
    with CheckedClient(data) as made:
        yield made


@pytest.fixture(scope="module")
def shop(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table and three pictures beside it, which the catalog does not have."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "images").mkdir()
    photos = sorted((sample / "shopper").rglob("*.jpg"))[:3]
    for number, photo in enumerate(photos):
        shutil.copy(photo, folder / "images" / f"{number}.jpg")
    rows = [f"up-{number},images/{number}.jpg,New/Kind,{number}" for number in range(3)]
    (folder / "shop.csv").write_text("\n".join(["item_id,image,label,price", *rows, ""]))
    return folder


def done(client: CheckedClient, **asked: Any) -> dict[str, Any]:
    """The job when it ended."""
    made = ask_json(client, {"kind": "index", **asked}, f"{DEFAULT}/jobs")
    assert made.status_code == 202, made.text
    give_up = time.monotonic() + PATIENCE_S
    while True:
        job: dict[str, Any] = client.get(f"/v1/jobs/{made.json()['id']}").json()
        if job["finished_at"] is not None:
            return job
        assert time.monotonic() < give_up, job
        time.sleep(0.05)


def test_a_table_with_its_pictures(server: CheckedClient, shop: Path) -> None:
    upload = server.post(f"{DEFAULT}/uploads", json={}).json()["id"]
    for file in sorted(shop.rglob("*.*")):
        name = file.relative_to(shop).as_posix()
        put = server.put(f"{DEFAULT}/uploads/{upload}/files/{name}", content=file.read_bytes())
        assert put.status_code == 201
    job = done(server, source={"upload": upload})
    assert (job["state"], job["counts"]["added"]) == ("done", 3), job
    photo = (shop / "images" / "0.jpg").read_bytes()
    assert ids(ask(server, photo, k="1")) == ["up-0"]
    assert server.get(f"{DEFAULT}/images/up-0").status_code == 200
    assert_problem(server.get(f"{DEFAULT}/uploads/{upload}"), 404, "upload_not_found")
    assert not (server.data / "uploads" / upload).exists()


def test_an_archive_of_the_same_changes_nothing(
    server: CheckedClient, shop: Path, tmp_path: Path
) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "shop"), "zip", shop)).read_bytes()
    for _ in range(2):
        sent = server.post(
            f"{DEFAULT}/uploads?name=shop.zip",
            content=archive,
            headers={"content-type": "application/zip"},
        )
        job = done(server, source={"upload": sent.json()["id"]})
        assert job["state"] == "done", job
    assert (job["counts"]["added"], job["counts"]["unchanged"]) == (0, 3)


def test_a_job_that_is_asked_for_twice_is_one_job(server: CheckedClient, shop: Path) -> None:
    content, kind = (shop / "shop.csv").read_bytes(), {"content-type": "text/csv"}
    sent = server.post(f"{DEFAULT}/uploads?name=a.csv", content=content, headers=kind)
    body = {"kind": "index", "source": {"upload": sent.json()["id"]}, "dry_run": True}
    key = {"Idempotency-Key": "a-job"}
    first, again = (server.post(f"{DEFAULT}/jobs", json=body, headers=key) for _ in range(2))
    assert first.status_code == again.status_code == 202
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"


def test_an_upload_that_says_nothing_is_no_source(server: CheckedClient) -> None:
    upload = server.post(f"{DEFAULT}/uploads", json={}).json()["id"]
    body = {"kind": "index", "source": {"upload": upload}}
    assert_problem(ask_json(server, body, f"{DEFAULT}/jobs"), 422, "bad_upload")
    gone = {"kind": "index", "source": {"upload": "0" * 32}}
    assert_problem(ask_json(server, gone, f"{DEFAULT}/jobs"), 404, "upload_not_found")
