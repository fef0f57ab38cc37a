"""Pictures from a server that behaves, and from one that does not."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.sources.addresses import AllowedHosts, host_patterns
from indexer.sources.fetching import Fetcher, FetchLimits
from search_engine.errors import RowError
from tests.cli.conftest import colour_picture
from tests.shop_server import PICTURE, TOO_MANY_BYTES, Shop, shop_server

LIMIT = TOO_MANY_BYTES - 1


@pytest.fixture
def shop() -> Iterator[Shop]:
    with shop_server() as shop:
        yield shop


@pytest.fixture
def fetcher(shop: Shop, tmp_path: Path) -> Iterator[Fetcher]:
    hosts = AllowedHosts(host_patterns(f"127.0.0.1:{shop.port}"))
    with Fetcher(tmp_path / "fetched", hosts, FetchLimits(LIMIT, timeout_s=0.5)) as fetcher:
        yield fetcher


@pytest.mark.parametrize("path", ["ok", "unnamed", "to_ok", "busy_once"])
def test_a_picture_is_fetched(shop: Shop, fetcher: Fetcher, path: str) -> None:
    url = shop.url(path)
    assert fetcher.kept(url) is None
    found = fetcher.fetch(url)
    assert found.read_bytes() == PICTURE
    assert fetcher.kept(url) == found


def test_an_unchanged_picture_is_not_sent_again(shop: Shop, fetcher: Fetcher) -> None:
    url = shop.url("ok")
    first = fetcher.fetch(url)
    before = first.stat().st_mtime_ns
    assert fetcher.fetch(url) == first
    assert first.stat().st_mtime_ns == before
    shop.pictures["ok"] = colour_picture(2)
    assert fetcher.fetch(url).read_bytes() == colour_picture(2)


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [
        ("404", "fetch_failed", "the server says 404"),
        ("500", "fetch_failed", "the server says 500, 3 times"),
        ("page", "fetch_failed", "not a picture but text/html"),
        ("large", "fetch_failed", "larger than 20,000 bytes"),
        ("endless", "fetch_failed", "larger than 20,000 bytes"),
        ("drip", "fetch_failed", "no complete answer within 0.5 s, 3 times"),
        ("dripping_head", "fetch_failed", "no complete answer within 0.5 s, 3 times"),
        ("half", "fetch_failed", "3 times"),
        ("to_itself", "fetch_failed", "more than 3 redirects"),
        ("to_metadata", "url_denied", "169.254.169.254"),
        ("to_file", "url_denied", "only plain http and https"),
        ("to_elsewhere", "url_denied", "localhost:1"),
    ],
)
def test_why_a_picture_is_not_fetched(
    shop: Shop, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch, path: str, code: str, reason: str
) -> None:
    monkeypatch.setattr("indexer.sources.fetching.BACK_OFF_S", 0.01)
    started = time.monotonic()
    with pytest.raises(RowError) as caught:
        fetcher.fetch(shop.url(path))
    assert caught.value.code == code
    assert reason in caught.value.what
    assert time.monotonic() - started < 30  # what drips is whole after a minute
    assert fetcher.kept(shop.url(path)) is None


def test_packed_bytes_are_kept_as_they_come(shop: Shop, fetcher: Fetcher) -> None:
    """Nothing is unpacked that was not asked for packed: it is no picture then."""
    assert fetcher.fetch(shop.url("packed")).stat().st_size < LIMIT


def test_a_server_that_is_not_there(
    fetcher: Fetcher, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.sources.fetching.BACK_OFF_S", 0.01)
    hosts = AllowedHosts(host_patterns("127.0.0.1:1"))
    with (
        Fetcher(tmp_path / "other", hosts, FetchLimits(LIMIT)) as nobody,
        pytest.raises(RowError, match="3 times"),
    ):
        nobody.fetch("http://127.0.0.1:1/a.png")


def test_a_picture_in_a_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a file system in memory that stands for S3's."""
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    asked: list[str] = []

    def cat_file(name: str) -> bytes:
        asked.append(name)
        return bytes(memory.store[name].getvalue())

    monkeypatch.setattr(memory, "cat_file", cat_file)
    monkeypatch.setattr("fsspec.core.url_to_fs", lambda url: (memory, url.partition(":/")[2]))
    memory.pipe("/shop/a.png", PICTURE)
    memory.pipe("/shop/large.png", bytes(LIMIT + 1))
    hosts = AllowedHosts(host_patterns("shop"))
    with Fetcher(tmp_path / "fetched", hosts, FetchLimits(LIMIT)) as fetcher:
        for _ in range(2):
            assert fetcher.fetch("s3://shop/a.png").read_bytes() == PICTURE
        assert asked == ["/shop/a.png"]
        for url, code, reason in (
            ("s3://shop/none.png", "fetch_failed", "no such file"),
            ("s3://shop/large.png", "fetch_failed", "larger than 20,000 bytes"),
            ("gs://other/a.png", "url_denied", "bucket 'other'"),
        ):
            with pytest.raises(RowError, match=reason) as caught:
                fetcher.fetch(url)
            assert caught.value.code == code
