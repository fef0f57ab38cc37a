"""On a cluster of Ray: shards of pictures are sent to a pool of actors by Ray Data.

The machine that drives reads and hashes pictures, sends their bytes in shards, and takes what is
found from shared storage, in the order in which it sent them. What a killed node was at is done
again by another; what a killed driver did not commit is taken from the shards that it left.
"""

import json
import logging
import uuid
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from indexer.executors.base import ClusterUnavailableError, Outcome
from indexer.executors.cluster import Pool
from indexer.executors.shards import Shard, ShardFolder
from indexer.executors.worker import MARK, ShardWorker, Work
from indexer.plan import HashedRow
from indexer.report import RunReport
from search_engine import errors
from search_engine.errors import EyedexError
from search_engine.storage.durable import storage_error

SHARD_PICTURES = 128
SHARD_BYTES = 16 * 2**20
SHARE_OF_STORE = 0.3
"""Of this machine's object store for the pictures of a round; there are two at a time."""
ROUND_PICTURES = 100_000
STALLED_S = 600.0
"""A shard takes seconds: after so long without any the cluster has no room or does not answer."""


@dataclass(slots=True)
class _Shard:
    """Rows that are given back together; `pictures` are those to embed, until they are sent."""

    name: str
    rows: list[HashedRow] = field(default_factory=list)
    known: dict[str, Outcome] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    size: int = 0
    is_sent: bool = False

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= SHARD_PICTURES or self.size >= SHARD_BYTES


class RayExecutor:
    """See Executor."""

    def __init__(self, ray: Any, data: Any, pool: Pool, work: Work, report: RunReport) -> None:
        """Work on a cluster that was joined, by Ray and Ray Data, and mark the folder for shards.

        Raises:
            StorageError: The folder cannot be written.
        """
        import pyarrow

        self._ray, self._data, self._arrow = ray, data, pyarrow
        self._pool, self._work, self._report = pool, work, report
        self._folder = ShardFolder(work.shards, work.recipe.digest)
        _mark(work)
        self._left = self._folder.left()
        self._last_left: tuple[str, Shard] | None = None
        self._done: SimpleQueue[str | Exception | None] = SimpleQueue()
        self._finished: set[str] = set()
        self._is_running = False
        _quiet(self._data)

    def outcomes(
        self, pictures: Iterable[tuple[HashedRow, bytes]]
    ) -> Generator[list[tuple[HashedRow, Outcome]]]:
        """See Executor."""
        waiting: deque[_Shard] = deque()
        following: list[Any] = []
        size = count = 0
        most_bytes = self._round_bytes()
        for shard in self._shards(pictures):
            waiting.append(shard)
            if shard.pictures:
                size, count = size + shard.size, count + len(shard.pictures)
                following.append(self._sent(shard))
            else:
                self._finished.add(shard.name)
            if size >= most_bytes or count >= ROUND_PICTURES:
                yield from self._until_free(waiting)
                self._start(following)
                following, size, count = [], 0, 0
            yield from self._ready(waiting)
        yield from self._until_free(waiting)
        if following:
            self._start(following)
        yield from self._until_free(waiting)
        self._folder.clear()

    def _shards(self, pictures: Iterable[tuple[HashedRow, bytes]]) -> Iterator[_Shard]:
        """Cut rows into shards; what an earlier run left needs no embedding."""
        run = uuid.uuid4().hex[:8]
        shard = _Shard(f"shard_{run}_00000")
        number = 0
        for hashed, picture in pictures:
            content = hashed.content_hash
            shard.rows.append(hashed)
            if (known := self._known(content)) is not None:
                shard.known[content] = known
                self._report.taken_over += 1
            elif content not in shard.pictures:
                shard.pictures[content] = picture
                shard.size += len(picture)
            if shard.is_full:
                yield shard
                number += 1
                shard = _Shard(f"shard_{run}_{number:05d}")
        if shard.rows:
            yield shard

    def _known(self, content: str) -> Outcome | None:
        name = self._left.get(content)
        if name is None:
            return None
        if self._last_left is None or self._last_left[0] != name:
            self._last_left = name, self._folder.read(name)
        return self._last_left[1].outcomes[content]

    def _sent(self, shard: _Shard) -> Any:
        """Put the pictures of a shard into the object store, as one block."""
        arrow, contents = self._arrow, [*shard.pictures]
        columns = {
            "shard": [shard.name] * len(contents),
            "content_hash": contents,
            "picture": arrow.array(shard.pictures.values(), arrow.large_binary()),
        }
        shard.pictures.clear()
        shard.is_sent = True
        with _told():
            return self._ray.put(arrow.table(columns))

    def _start(self, blocks: list[Any]) -> None:
        """Begin a round: the pool of actors takes blocks until there are none."""
        with _told():
            done = self._dataset(blocks)
        self._is_running = True
        Thread(target=self._follow, args=(done,), daemon=True, name="ray-round").start()

    def _dataset(self, blocks: list[Any]) -> Any:
        pool, data = self._pool, self._data
        return data.from_arrow_refs(blocks).map_batches(
            ShardWorker,
            fn_constructor_args=(self._work,),
            batch_size=None,
            batch_format="numpy",
            compute=data.ActorPoolStrategy(
                min_size=1,
                max_size=pool.actors,
                initial_size=min(pool.actors, len(blocks)),
                max_tasks_in_flight_per_actor=2,
            ),
            num_cpus=pool.cpus,
            num_gpus=pool.gpus or None,
        )

    def _follow(self, done: Any) -> None:
        """Tell the driving thread of every shard, then of the end of the round."""
        try:
            for row in done.iter_rows():
                self._done.put(_failure(row["failure"]) or row["shard"])
            self._done.put(None)
        except Exception as error:  # noqa: BLE001 - raised by the driving thread
            self._done.put(error)

    def _ready(self, waiting: deque[_Shard]) -> Iterator[list[tuple[HashedRow, Outcome]]]:
        """Give back what is next and finished, without waiting."""
        while not self._done.empty():
            self._note(self._done.get())
        while waiting and waiting[0].name in self._finished:
            shard = waiting.popleft()
            self._finished.remove(shard.name)
            yield self._taken(shard)
            self._folder.delete(shard.name)  # the caller has committed it

    def _until_free(self, waiting: deque[_Shard]) -> Iterator[list[tuple[HashedRow, Outcome]]]:
        """Give back what gets ready until the round ends."""
        yield from self._ready(waiting)
        while self._is_running:
            with self._report.waiting_for("cluster"):
                try:
                    self._note(self._done.get(timeout=STALLED_S))
                except Empty:
                    raise ClusterUnavailableError(
                        f"the cluster has done nothing for {STALLED_S / 60:.0f} minutes",
                        fix="look with `ray status` what it waits for, then run again",
                    ) from None
            yield from self._ready(waiting)

    def _note(self, told: str | Exception | None) -> None:
        if isinstance(told, Exception):
            with _told():
                raise told
        if told is None:
            self._is_running = False
        else:
            self._finished.add(told)

    def _taken(self, shard: _Shard) -> list[tuple[HashedRow, Outcome]]:
        outcomes = dict(shard.known)
        if shard.is_sent:
            found = self._folder.read(shard.name)
            outcomes.update(found.outcomes)
            for stage, seconds in found.seconds.items():
                self._report.stages[stage] = self._report.stages.get(stage, 0.0) + seconds
        return [(hashed, outcomes[hashed.content_hash]) for hashed in shard.rows]

    def _round_bytes(self) -> float:
        """Bytes of pictures of a round, by the object store of this machine."""
        with _told():
            own = self._ray.get_runtime_context().get_node_id()
            (node,) = (each for each in self._ray.nodes() if each["NodeID"] == own)
        return SHARE_OF_STORE * float(node["Resources"].get("object_store_memory", 0))


@contextmanager
def _told() -> Iterator[None]:
    """Raise what Ray raises, which has many reasons, as an error of ours."""
    try:
        yield
    except EyedexError:
        raise
    except Exception as error:
        raise ClusterUnavailableError(
            f"the cluster gave up: {_last_line(error)}", fix="run again: what was embedded is kept"
        ) from error


def _mark(work: Work) -> None:
    try:
        work.shards.mkdir(mode=0o700, parents=True, exist_ok=True)
        (work.shards / MARK).write_text(work.run)
    except OSError as error:
        raise storage_error(error, "making the folder for embeddings", work.shards) from error


def _quiet(data: Any) -> None:
    """Let Ray Data draw nothing and warn of what is meant."""
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)


def _failure(told: str) -> EyedexError | None:
    """The error of a machine, of its own class."""
    if not told:
        return None
    said = json.loads(told)
    kind = getattr(errors, said["kind"], ClusterUnavailableError)
    where = f"machine {said['machine']}" + (f", {said['where']}" if said["where"] else "")
    error: EyedexError = kind(said["what"], where=where, fix=said["fix"])
    return error


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
