"""An index whose candidates another server finds; the vectors here give exact scores.

Files of a generation: the rows (float16, memory-mapped), their keys, and a record of the set of
vectors on the server. The record is written before anything is sent, so that whatever interrupts
the sending leaves a folder that says what to delete there. The catalog stays the truth: sets on the
server are immutable copies of one state of it, and can be lost.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search_engine.errors import StorageError
from search_engine.indexes.base import positions_of
from search_engine.indexes.exact import NumpyIndex
from search_engine.indexes.remote.servers import Address, VectorServer
from search_engine.indexes.scoring import Positions, best, rescore, scan
from search_engine.indexes.selection import Selection
from search_engine.indexes.spec import Effort, IndexSpec
from search_engine.records import Keys, Vectors
from search_engine.storage.durable import write_synced

EXACT_KINDS = ("FLAT", "EXACT")
SENT_BYTES = 16 * 2**20
"""Size of one message; Milvus refuses more than 64 MiB."""
MOST_ASKED = 1_024
"""Where more candidates were needed, as few rows pass a filter, those that pass are compared here:
that is exact, and sooner done than so many are sent. Servers take at most 16,384."""
ASKED_AT_ONCE = 4_096
"""Candidates of one message."""
SCANNED_ELEMENTS = 2_500_000
"""A selection of so many numbers (10,000 x 256) is compared here: one round trip takes as long."""
ROOM = 32
"""Candidates asked for beyond those needed."""
SAMPLE = 256
BREADTHS = tuple(2**power for power in range(4, 13))
"""How broadly a server may search: `ef` of a graph, `nprobe` of an inverted file."""


@dataclass(frozen=True, slots=True)
class RemoteSet:
    """A set of vectors on a server."""

    server: VectorServer
    name: str
    kind: str


class RemoteIndex(NumpyIndex):
    """See Index. Before it is saved it compares with all vectors."""

    def __init__(
        self,
        spec: IndexSpec,
        keys: Keys,
        rows: NDArray[np.float16],
        connect: Callable[[], VectorServer],
        served: RemoteSet | None = None,
        wanted_recall: float = 1.0,
    ) -> None:
        super().__init__(keys, rows, spec)
        self.exact = Address.parse(spec.factory).kind in EXACT_KINDS
        self._connect, self._served, self._wanted_recall = connect, served, wanted_recall

    def save(self, folder: Path) -> None:
        """Write the files, send the vectors, and find out how broadly the server has to search.

        Raises:
            IndexUnavailableError: The server is away.
            StorageError: It did not take every vector.
            OSError: A file cannot be written.
        """
        address = Address.parse(self.spec.factory)
        name = f"eyedex_{uuid.uuid4().hex}"
        record, rows, keys = files_of(address.backend)
        write_synced(folder / rows, self._rows.astype("<f2").tobytes())
        write_synced(folder / keys, self.keys.astype("<i8").tobytes())
        write_synced(folder / record, json.dumps({"uri": address.uri, "set": name}).encode())
        if not len(self):
            return
        served = RemoteSet(self._connect(), name, address.kind)
        self._send(served)
        self._served = served
        if not self.exact:
            self._tune()

    def _send(self, served: RemoteSet) -> None:
        served.server.create(served.name, served.kind, self.dimension, len(self))
        step = max(1, SENT_BYTES // (4 * self.dimension + 8))
        for start in range(0, len(self), step):
            part = slice(start, start + step)
            served.server.insert(served.name, self.keys[part], self._rows[part].astype(np.float32))
        served.server.finish(served.name)
        taken = served.server.count(served.name)
        if taken != len(self):
            raise StorageError(
                f"the index server has {taken or 0:,} of {len(self):,} vectors",
                where=self.spec.factory,
                fix="look into its log, and build the index again",
            )

    def _tune(self) -> None:
        """Choose the least breadth that reaches the recall, by asking for stored vectors."""
        rows = np.random.default_rng(0).permutation(len(self))[:SAMPLE]
        queries, k = self.vectors(rows), min(10, len(self))
        _, right = scan(queries, self._rows, None, k)
        for breadth in BREADTHS:
            effort = Effort((breadth, 2 * breadth), (k + ROOM, 2 * 200 + ROOM))
            self.spec = replace(self.spec, effort=effort)
            _, scores = self._nearest(queries, k, None, len(self))
            recall = float(np.mean(scores >= right[:, -1:] - np.float32(1e-6)))
            self.spec = replace(self.spec, recall=round(recall, 4))
            if recall >= self._wanted_recall:
                break

    def _nearest(
        self, queries: Vectors, k: int, within: Selection | None, available: int
    ) -> tuple[Positions, NDArray[np.float32]]:
        chosen = None if within is None else within.positions
        asked = self._asked(k, available)
        few = within is not None and available * self.dimension <= SCANNED_ELEMENTS
        if self._served is None or few or asked > MOST_ASKED:
            return scan(queries, self._rows, chosen, k)
        found = self._candidates(queries, asked, within)
        positions, scores = best(found, rescore(queries, self._rows, found), k)
        if positions.shape[1] < k or (positions < 0).any():  # too few of those asked for are wanted
            return scan(queries, self._rows, chosen, k)
        return positions, scores

    def _asked(self, k: int, available: int) -> int:
        """Return how many to ask for, so that k of those available are probably among them."""
        enough = max(2 * k, self.spec.effort.candidates_at(k)) if not self.exact else k
        return min(len(self), int(1.5 * enough * len(self) / available) + ROOM)

    def _candidates(self, queries: Vectors, asked: int, within: Selection | None) -> Positions:
        """Return positions (Q, at most `asked`) that the server finds, -1 for none."""
        positions = np.full((len(queries), asked), -1, dtype=np.int64)
        step = max(1, ASKED_AT_ONCE // asked)
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            for row, keys in zip(positions[part], self._ask(queries[part], asked), strict=True):
                known = np.unique(positions_of(self.keys, keys))
                if within is not None:
                    known = known[np.isin(known, within.positions, assume_unique=True)]
                row[: len(known)] = known
        return positions

    def _ask(self, queries: Vectors, count: int) -> list[Keys]:
        assert self._served is not None
        server, name, kind = self._served.server, self._served.name, self._served.kind
        return server.nearest(name, kind, queries, count, self.spec.effort.probes_at(count))


def files_of(backend: str) -> tuple[str, str, str]:
    """Name the record, the rows and the keys of a generation."""
    return f"{backend}.json", "rows.f16", "keys.i64"
