"""A cluster of Ray: joined within a bounded time, and divided among actors."""

import logging
import os
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from threading import Thread
from typing import Any

from indexer.executors.base import ClusterUnavailableError
from search_engine.errors import MissingExtraError, ParameterError

CONNECT_S = 5.0
JOIN_S = 60.0
AUTO = "auto"
_ADDRESS = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Node:
    """What one machine of a cluster offers."""

    cpus: int
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class Pool:
    """At most so many actors, and what each of them takes."""

    actors: int
    cpus: int
    gpus: int = 0


def check_address(address: str | None) -> str:
    """The address of a cluster, where one can be joined.

    Raises:
        ParameterError: There is none, or it is of another form.
        MissingExtraError: Ray is not installed.
    """
    address = check_form(address)
    if find_spec("ray") is None:
        raise MissingExtraError(
            "ray is not installed", where="--executor ray", fix="pip install 'eyedex[ray]'"
        )
    return address


def check_form(address: str | None) -> str:
    """The address of a cluster, `auto` or HOST:PORT.

    Raises:
        ParameterError: There is none, or it is of another form.
    """
    where = "--ray-address"
    fix = "name auto (of which this machine is a part) or HOST:PORT; also by EYEDEX_RAY_ADDRESS"
    if not address:
        what = "the executor ray needs the address of a cluster"
        raise ParameterError(what, where=where, fix=fix)
    match = _ADDRESS.fullmatch(address)
    if address != AUTO and (match is None or not 0 < int(match["port"]) < 65_536):
        what = f"{address[:100]!r} is no address of a cluster"
        raise ParameterError(what, where=where, fix=fix)
    return address


def join(address: str) -> Any:
    """The module `ray`, joined to a cluster.

    Ray itself tries for two minutes, and ends the process then.

    Raises:
        ClusterUnavailableError: There is none at the address.
    """
    if address != AUTO:
        _check_port(address)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    failures: list[BaseException] = []
    thread = Thread(target=_join, args=(address, failures), daemon=True, name="ray-join")
    thread.start()
    thread.join(JOIN_S)
    if thread.is_alive() or failures:
        why = "" if not failures else f": {_first_line(failures[0])}"
        raise ClusterUnavailableError(
            f"no cluster of Ray can be joined{why}",
            where=address,
            fix="start one (ray start --head), on this machine or with this machine as a node",
        )
    import ray

    return ray


def _join(address: str, failures: list[BaseException]) -> None:
    try:
        import ray

        # What is logged is raised as well.
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except BaseException as error:  # noqa: BLE001 - it may exit, too; told by the caller
        failures.append(error)


def _check_port(address: str) -> None:
    """Look in a moment whether anybody listens there."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except OSError as error:
        raise ClusterUnavailableError(
            f"nobody answers: {error}",
            where=address,
            fix="start a cluster (ray start --head), or correct --ray-address",
        ) from error


def nodes_of(ray: Any) -> list[Node]:
    """The machines that are there now."""
    offers = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(int(each.get("CPU", 0)), int(each.get("GPU", 0))) for each in offers]


def pool_of(nodes: Sequence[Node], most: int | None, on_gpu: bool) -> Pool:
    """Divide a cluster among actors: one a GPU or a machine, or as many as are wanted.

    One CPU stays free: Ray waits for ever where actors have taken all. The actors share the rest
    evenly, so that a machine is not asked for more threads than it has.

    Raises:
        ParameterError: They would not fit.
    """
    gpus = sum(node.gpus for node in nodes) if on_gpu else 0
    count = most or gpus or max(1, sum(node.cpus > 0 for node in nodes))
    total = sum(node.cpus for node in nodes)
    for cpus in range(max((node.cpus for node in nodes), default=0), 0, -1):
        if count * cpus < total and _fitting(nodes, cpus, bool(gpus)) >= count:
            return Pool(count, cpus, 1 if gpus else 0)
    raise ParameterError(
        f"{count:,} actors leave no CPU of the {total:,} of the cluster, or of its {gpus:,} GPUs, "
        "for anything else, and Ray would wait for ever",
        where="ray_actors",
        fix="name fewer, or give the cluster more CPUs (ray start --num-cpus N)",
    )


def _fitting(nodes: Sequence[Node], cpus: int, on_gpu: bool) -> int:
    """How many actors with so many CPUs fit, each with a GPU if they have one."""
    return sum(min(node.cpus // cpus, node.gpus) if on_gpu else node.cpus // cpus for node in nodes)


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
