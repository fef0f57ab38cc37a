"""What every executor does; that on Ray here without Ray, and with --slow on a real cluster."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.executors import on_ray
from indexer.executors.base import ClusterUnavailableError, Embedded, Executor, Outcome, Refused
from indexer.executors.cluster import Pool, join, nodes_of, pool_of
from indexer.executors.local import LocalExecutor
from indexer.executors.on_ray import RayExecutor
from indexer.executors.recipe import EncoderRecipe
from indexer.executors.worker import MARK, Work
from indexer.plan import HashedRow
from indexer.report import RunReport
from indexer.sources import SourceRow
from search_engine.collections.pictures import content_hash
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.errors import ModelMismatchError, StorageError
from search_engine.images import ImageLimits
from search_engine.images.decoder import InlineDecoder
from tests.contract.ray_double import RayDouble

BATCH = 4
HSV = EncoderRequest("hsv")
Given = list[tuple[HashedRow, bytes]]
Made = Callable[[RunReport], Executor]


@pytest.fixture(scope="module")
def pictures(sample: Path) -> Given:
    """Fourteen pictures, one of them twice, and two that are none."""
    files = [path.read_bytes() for path in sorted((sample / "images").glob("*.jpg"))[:13]]
    files = [*files[:5], b"no picture", *files[5:], files[2], files[0][:300]]
    return [
        (HashedRow(SourceRow(n, f"item-{n}", Path(f"{n}.jpg")), content_hash(data)), data)
        for n, data in enumerate(files)
    ]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    recipe = EncoderRecipe.of(create_encoder(HSV), HSV)
    folder = tmp_path_factory.mktemp("shards")
    return Work(recipe, ImageLimits(), BATCH, decoders=1, shards=folder, run="run")


def local(report: RunReport) -> Executor:
    executor: LocalExecutor[HashedRow]
    executor = LocalExecutor(create_encoder(HSV), InlineDecoder(ImageLimits()), BATCH, report)
    return executor


def doubled(work: Work, double: RayDouble | None = None) -> Made:
    double = double or RayDouble()
    return lambda report: RayExecutor(double, double, Pool(1, 1), work, report)


@contextmanager
def real_cluster(work: Work, gpus: int) -> Iterator[Made]:
    """Two raylets on this machine, each with so many GPUs to hand out, be there any or not."""
    pytest.importorskip("ray", reason="ray is not installed (the extra `ray`)")
    from ray import data
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    offered = {"num_cpus": 2, "num_gpus": gpus, "object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**offered, "include_dashboard": False})
    try:
        cluster.add_node(**offered)
        ray = join(cluster.address)
        try:
            pool = Pool(2, 1, gpus)
            assert pool_of(nodes_of(ray), 2, on_gpu=True) == pool
            yield lambda report: RayExecutor(ray, data, pool, work, report)
        finally:
            ray.shutdown()
    finally:
        cluster.shutdown()


ON_RAY = {"ray": 0, "ray with GPUs": 1}


@pytest.fixture(
    scope="module",
    params=["local", "double", *(pytest.param(name, marks=pytest.mark.slow) for name in ON_RAY)],
)
def made(request: pytest.FixtureRequest, work: Work) -> Iterator[Made]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(on_ray, "SHARD_PICTURES", BATCH)
        if request.param in ON_RAY:
            own = replace(work, shards=work.shards / "ray")
            with real_cluster(own, ON_RAY[request.param]) as of_cluster:
                yield of_cluster
        else:
            yield local if request.param == "local" else doubled(work)


def outcomes(made: Made, pictures: Given) -> list[tuple[HashedRow, Outcome]]:
    with closing(made(RunReport()).outcomes(iter(pictures))) as batches:
        return [each for batch in batches for each in batch]


def test_every_row_comes_back_once_in_order_with_the_same_outcome(
    made: Made, pictures: Given
) -> None:
    expected, found = outcomes(local, pictures), outcomes(made, pictures)
    assert [row for row, _ in found] == [row for row, _ in pictures]
    for (_, wanted), (_, got) in zip(expected, found, strict=True):
        if isinstance(wanted, Refused):
            assert got == wanted
            continue
        assert isinstance(got, Embedded)
        assert np.array_equal(got.vector, wanted.vector)
        assert replace(got, vector=wanted.vector) == wanted
    refused = [each.code for _, each in found if isinstance(each, Refused)]
    assert refused == ["unsupported_type", "corrupt_image"]


def test_nothing_gives_nothing(made: Made) -> None:
    assert outcomes(made, []) == []


def test_what_was_not_committed_comes_again(made: Made, pictures: Given) -> None:
    with closing(made(RunReport()).outcomes(iter(pictures))) as batches:
        first = next(batches)
    rest = pictures[len(first) :]
    assert [row for row, _ in outcomes(made, rest)] == [row for row, _ in rest]


def test_an_interrupted_run_leaves_what_the_next_takes_over(
    pictures: Given, work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_ray, "SHARD_PICTURES", BATCH)
    work = replace(work, shards=tmp_path)
    with closing(doubled(work)(RunReport()).outcomes(iter(pictures))) as batches:
        first = next(batches)
    report = RunReport()
    double = RayDouble()
    rest = pictures[len(first) :]
    with closing(doubled(work, double)(report).outcomes(iter(rest))) as batches:
        found = [each for batch in batches for each in batch]
    expected = outcomes(local, rest)
    assert [row for row, _ in found] == [row for row, _ in expected]
    assert report.taken_over == sum(isinstance(each, Embedded) for _, each in expected)
    assert not tmp_path.exists()


def test_rounds_follow_one_another(
    pictures: Given, work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The object store has room for some of the pictures only, and blocks are lost."""
    monkeypatch.setattr(on_ray, "SHARD_PICTURES", BATCH)
    size = sum(len(data) for _, data in pictures)
    double = RayDouble(store_bytes=size / 2 / on_ray.SHARE_OF_STORE, lost=1)
    found = outcomes(doubled(replace(work, shards=tmp_path), double), pictures)
    assert [row for row, _ in found] == [row for row, _ in pictures]
    assert double.rounds == 2


@pytest.mark.parametrize(
    ("pool", "started", "gpus"), [(Pool(9, 7), 4, None), (Pool(2, 8, 1), 2, 1)]
)
def test_actors_have_what_the_pool_says_and_grow_to_it(
    pool: Pool,
    started: int,
    gpus: int | None,
    pictures: Given,
    work: Work,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No more are started than there are shards, and those without work may go."""
    monkeypatch.setattr(on_ray, "SHARD_PICTURES", BATCH)
    double = RayDouble()
    own = replace(work, shards=tmp_path)
    list(RayExecutor(double, double, pool, own, RunReport()).outcomes(iter(pictures)))
    sizes = double.asked["compute"]
    assert (sizes["min_size"], sizes["initial_size"], sizes["max_size"]) == (
        1,
        started,
        pool.actors,
    )
    assert (double.asked["num_cpus"], double.asked["num_gpus"]) == (pool.cpus, gpus)


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        (
            lambda work: replace(work, recipe=replace(work.recipe, fingerprint="other")),
            ModelMismatchError,
            "hsv is .* here, and other",
        ),
        (lambda work: (work.shards / MARK).unlink() or work, StorageError, "does not see"),
    ],
)
def test_a_machine_that_cannot_says_why(
    spoil: Callable[[Work], Work],
    error: type[Exception],
    said: str,
    pictures: Given,
    work: Work,
    tmp_path: Path,
) -> None:
    double = RayDouble()
    executor = RayExecutor(
        double, double, Pool(1, 1), own := replace(work, shards=tmp_path), RunReport()
    )
    executor._work = spoil(own)
    with pytest.raises(error, match=said):
        list(executor.outcomes(iter(pictures)))


def test_a_cluster_that_gives_up_is_an_error_of_ours(pictures: Given, work: Work) -> None:
    class Broken(RayDouble):
        def put(self, block: object) -> None:
            raise ConnectionError("gone\nthe head does not answer")

    with pytest.raises(ClusterUnavailableError, match="the head does not answer"):
        outcomes(doubled(work, Broken()), pictures)
