"""How a cluster is named, reached and divided."""

from contextlib import suppress
from pathlib import Path

import pytest

from indexer.executors import cluster
from indexer.executors.base import ClusterUnavailableError
from indexer.executors.cluster import Node, Pool, check_address, join, pool_of
from indexer.jobs.parameters import read_job
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.errors import MissingExtraError, ParameterError
from tests.conftest import free_port


@pytest.mark.parametrize(
    ("nodes", "most", "on_gpu", "pool"),
    [
        ([Node(8)], None, True, Pool(1, 7)),
        ([Node(2), Node(2), Node(2)], None, True, Pool(3, 1)),
        ([Node(8), Node(8)], None, True, Pool(2, 7)),
        ([Node(0), Node(8)], None, True, Pool(1, 7)),
        ([Node(8)], 3, True, Pool(3, 2)),
        ([Node(2), Node(16, gpus=2)], None, True, Pool(2, 8, 1)),
        ([Node(16, gpus=2)], None, True, Pool(2, 7, 1)),
        ([Node(16, gpus=2)], None, False, Pool(1, 15)),
        ([Node(64, gpus=1), Node(64)], 1, True, Pool(1, 64, 1)),
    ],
)
def test_a_cpu_stays_free_and_the_rest_is_shared(
    nodes: list[Node], most: int | None, on_gpu: bool, pool: Pool
) -> None:
    assert pool_of(nodes, most, on_gpu) == pool


@pytest.mark.parametrize(
    ("nodes", "most"),
    [([Node(1)], None), ([], None), ([Node(2), Node(2)], 4), ([Node(16, gpus=2)], 3)],
)
def test_actors_that_would_take_every_cpu_are_refused(nodes: list[Node], most: int | None) -> None:
    with pytest.raises(ParameterError, match="would wait for ever"):
        pool_of(nodes, most, on_gpu=True)


@pytest.mark.parametrize(
    "address", [None, "", "cluster", "ray://host:10001", "host:0", "host:70000", "a b:1", "h:1/x"]
)
def test_what_is_no_address_is_refused(address: str | None) -> None:
    with pytest.raises(ParameterError) as refused:
        check_address(address)
    assert "auto" in (refused.value.fix or "")


def test_addresses_need_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: object())
    assert [check_address(each) for each in ("auto", "10.0.0.7:6379", "[::1]:6379")]
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"eyedex\[ray\]"):
        check_address("auto")


def test_a_port_where_nobody_listens_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_join", lambda *_: pytest.fail("Ray would try for minutes"))
    with pytest.raises(ClusterUnavailableError, match="nobody answers"):
        join(f"127.0.0.1:{free_port()}")


def test_jobs_go_to_the_cluster_of_the_operator_only() -> None:
    job: dict[str, object] = {"kind": "index", "source": {"upload": "u"}, "executor": "ray"}
    assert read_job(job)
    for name in ("ray_address", "ray_folder"):
        with pytest.raises(ParameterError, match="no such parameter"):
            read_job({**job, name: "elsewhere:6379"})


def test_a_dry_run_checks_the_address_and_joins_nothing(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: object())
    request = IndexRequest(encoder="hsv", executor="ray", dry_run=True)
    settings = Settings(data=tmp_path / "data", workers=1)
    source = open_source(sample / "catalog.csv")
    with pytest.raises(ParameterError, match="needs the address"):
        index_source(source, request, settings)
    on_cluster = settings.model_copy(update={"ray_address": "127.0.0.1:1"})
    assert index_source(source, request, on_cluster).added == len(source)
    with suppress(FileNotFoundError):
        assert not list((tmp_path / "data").iterdir())
