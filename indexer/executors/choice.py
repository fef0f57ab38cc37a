"""Which executor a run has."""

import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

from indexer.executors.base import Executor
from indexer.executors.cluster import Pool, check_address, join, nodes_of, pool_of
from indexer.executors.local import LocalExecutor
from indexer.executors.recipe import MadeEncoder
from indexer.plan import HashedRow
from indexer.report import RunReport
from search_engine.config import Settings
from search_engine.images.decoder import Decoder


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that was joined, and how it is divided."""

    ray: Any
    pool: Pool


@contextmanager
def joined_cluster(
    executor: str, most: int | None, settings: Settings, dry_run: bool
) -> Iterator[Cluster | None]:
    """The cluster for an executor; None where nothing is embedded on one.

    Raises:
        ParameterError: Address or actors cannot be.
        MissingExtraError: Ray is not installed.
        ClusterUnavailableError: It does not answer.
    """
    address = None if executor == "local" else check_address(settings.ray_address)
    if address is None or dry_run:
        yield None
        return
    with redirect_stdout(sys.stderr):  # where Ray says that it lost a machine
        ray = join(address)
        try:
            on_gpu = settings.runtime in ("auto", "torch")
            yield Cluster(ray, pool_of(nodes_of(ray), most, on_gpu))
        finally:
            ray.shutdown()


def executor_for(
    cluster: Cluster | None,
    made: MadeEncoder,
    decoder: Decoder,
    settings: Settings,
    collection: str,
    report: RunReport,
) -> Executor:
    """The executor of a run for a collection, by its uid; no other one ever has that.

    Raises:
        StorageError: What a cluster embeds cannot be put anywhere.
    """
    if cluster is None:
        report.workers = settings.workers
        local: LocalExecutor[HashedRow]
        local = LocalExecutor(made.encoder, decoder, settings.batch_size, report)
        return local
    from ray import data

    from indexer.executors.on_ray import RayExecutor
    from indexer.executors.worker import Work

    pool, own = cluster.pool, settings.ray_folder
    report.workers, report.encoders = pool.actors * pool.cpus, pool.actors
    shards = settings.paths.shards(collection) if own is None else own / collection
    work = Work(
        recipe=made.recipe,
        limits=settings.catalog_limits(),
        batch_size=settings.batch_size,
        decoders=pool.cpus,
        shards=shards.absolute(),
        run=uuid.uuid4().hex,
    )
    return RayExecutor(cluster.ray, data, pool, work, report)
