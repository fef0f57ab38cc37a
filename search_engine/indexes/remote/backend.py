"""The backend of a kind of server: builds, opens and discards indexes on it."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search_engine.errors import CorruptDataError, ParameterError
from search_engine.indexes.base import Index, check_content
from search_engine.indexes.choice import EXACT_ELEMENTS
from search_engine.indexes.remote.index import RemoteIndex, RemoteSet, files_of
from search_engine.indexes.remote.servers import AUTOMATIC, Address, VectorServer
from search_engine.indexes.spec import IndexSpec
from search_engine.records import Keys


class RemoteBackend:
    """See Backend."""

    def __init__(
        self,
        name: str,
        kinds: tuple[str, str, *tuple[str, ...]],
        connect: Callable[[str], VectorServer],
    ) -> None:
        """Describe a kind of server.

        Args:
            name: In factory strings.
            kinds: What it can build: an exact index first, then the one for many vectors.
            connect: Gives the connection of this process to the server at an address.
        """
        self._name, self._kinds, self._connect = name, kinds, connect
        self.files = files_of(name)

    def check(self, factory: str, dimension: int) -> None:
        """See Backend."""
        kind = Address.parse(factory).kind
        if kind not in (AUTOMATIC, *self._kinds):
            raise ParameterError(
                f"{self._name} builds no {kind!r} here",
                where="index",
                fix=f"give {', '.join(self._kinds)}, or nothing to have it chosen",
            )

    def limit_threads(self, count: int) -> None:
        """Do nothing: the server computes."""

    def build(
        self,
        factory: str,
        keys: Keys,
        vectors: NDArray[np.floating],
        recall: float,
        before: Index | None = None,
        changed: int = 0,
    ) -> RemoteIndex:
        """See Backend; only `save` needs the server."""
        self.check(factory, vectors.shape[1])
        check_content(keys, vectors)
        address = Address.parse(factory)
        if address.kind == AUTOMATIC:
            address = address.of_kind(self._kinds[vectors.size > EXACT_ELEMENTS])
        connect = partial(self._connect, address.uri)
        rows = vectors.astype(np.float16)
        return RemoteIndex(IndexSpec(str(address)), keys, rows, connect, wanted_recall=recall)

    def keys(self, folder: Path) -> Keys:
        """See Backend."""
        return np.fromfile(folder / self.files[2], dtype="<i8")

    def open(self, folder: Path, spec: IndexSpec, dimension: int) -> RemoteIndex:
        """See Backend.

        Raises:
            IndexUnavailableError: The server is away.
        """
        keys, path = self.keys(folder), folder / self.files[1]
        if path.stat().st_size != 2 * len(keys) * dimension:
            raise CorruptDataError("the files of an index differ in size", where=str(folder))
        address = Address.parse(spec.factory)
        connect = partial(self._connect, address.uri)
        if not len(keys):
            return RemoteIndex(spec, keys, np.empty((0, dimension), dtype=np.float16), connect)
        rows = np.memmap(path, dtype="<f2", mode="r", shape=(len(keys), dimension))
        served = RemoteSet(connect(), self._record(folder)["set"], address.kind)
        if served.server.count(served.name) != len(keys):
            raise CorruptDataError("the index server lost its vectors", where=str(folder))
        return RemoteIndex(spec, keys, rows, connect, served)

    def discard(self, folder: Path) -> None:
        """See Backend."""
        if (folder / self.files[0]).exists():
            record = self._record(folder)
            self._connect(record["uri"]).drop(record["set"])

    def _record(self, folder: Path) -> dict[str, str]:
        try:
            record = json.loads((folder / self.files[0]).read_bytes())
            return {"uri": str(record["uri"]), "set": str(record["set"])}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CorruptDataError(f"{self.files[0]} cannot be read", where=str(folder)) from error
