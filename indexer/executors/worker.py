"""What an actor of a cluster does: embed the pictures of a shard as a run on one machine does.

It is a plain class that needs no Ray. Whatever is wrong with a picture is its outcome, whatever is
wrong with the machine an answer too: an exception would make the cluster try again for nothing.
"""

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.executors.base import ClusterUnavailableError
from indexer.executors.local import LocalExecutor
from indexer.executors.recipe import EncoderRecipe
from indexer.executors.shards import Shard, ShardFolder
from indexer.report import RunReport
from search_engine.errors import EyedexError, StorageError
from search_engine.images import ImageLimits
from search_engine.images.decode_pool import DecodePool

MARK = ".run"
"""A file by which a machine sees that it has the same folder as the one that drives the run."""


ATTEMPTS = 5
"""Attempts at a shard, which Ray begins again when the process is lost: its pictures are the cause
then, not the machine."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker is told: the encoder, and the folder for shards, marked with `run`."""

    recipe: EncoderRecipe
    limits: ImageLimits
    batch_size: int
    decoders: int
    shards: Path
    run: str


class ShardWorker:
    """Embeds shards; loads the encoder once."""

    def __init__(self, work: Work) -> None:
        self._failure = ""
        try:
            self._start(work)
        except EyedexError as error:
            self._failure = _told(error)

    def _start(self, work: Work) -> None:
        mark = work.shards / MARK
        if not mark.exists() or mark.read_text() != work.run:
            raise StorageError(
                "this machine does not see the folder for embeddings of the run",
                where=str(work.shards),
                fix="name a folder that all machines share at the same path: --ray-folder DIR",
            )
        self._folder = ShardFolder(work.shards, work.recipe.digest)
        self._report = RunReport()
        self._decoder = DecodePool(work.limits, work.decoders)
        self._decoder.warm_up()
        self._executor: LocalExecutor[str] = LocalExecutor(
            work.recipe.make(), self._decoder, work.batch_size, self._report
        )

    def __call__(self, block: dict[str, Any]) -> dict[str, list[str]]:
        """Embed the pictures of one shard, unless an attempt before has.

        Args:
            block: `shard`, its name in each row; `content_hash` and `picture` of each.

        Returns:
            `shard`, once, and `failure`: empty, or why this machine cannot do it.
        """
        name = str(block["shard"][0])
        if not self._failure:
            try:
                self._embed(name, block)
            except EyedexError as error:
                return {"shard": [name], "failure": [_told(error)]}
        return {"shard": [name], "failure": [self._failure]}

    def _embed(self, name: str, block: dict[str, Any]) -> None:
        if self._folder.has(name):
            return
        if self._folder.attempts(name) > ATTEMPTS:
            raise ClusterUnavailableError(
                f"some pictures have ended their process {ATTEMPTS} times, or its machine",
                where=f"among those with the hashes {block['content_hash'][0]} and following",
                fix="look into the logs of Ray; index them alone with --executor local",
            )
        self._folder.write(name, self._embedded(block))

    def _embedded(self, block: dict[str, Any]) -> Shard:
        self._report.stages.clear()
        busy_s = self._decoder.busy_seconds
        pictures = zip(block["content_hash"], block["picture"], strict=True)
        outcomes = {
            str(content): outcome
            for batch in self._executor.outcomes(pictures)
            for content, outcome in batch
        }
        seconds = {**self._report.stages, "decode": self._decoder.busy_seconds - busy_s}
        return Shard(outcomes, seconds)


def _told(error: EyedexError) -> str:
    """An error as text, with the name of the machine."""
    said = {"kind": type(error).__name__, "what": error.what, "where": error.where}
    return json.dumps({**said, "fix": error.fix, "machine": socket.gethostname()})
