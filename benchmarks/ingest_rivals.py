"""Others that turn a folder of photos into embeddings, all with the weights of our encoder.

Each is what a user of it would write after reading its documentation, on float32 torch. Only the
work is timed: not importing a package, and not making the network. What they return is held
against our embeddings of the same photos, so that all do the same work.
"""

import logging
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from benchmarks.limits import cores
from benchmarks.rivals.base import Place, Rows
from benchmarks.rivals.child import Child
from benchmarks.rivals.registry import Entry, create
from search_engine.encoders.base import unit_rows

PLAIN = "plain loop"
MOST_PICTURES = {PLAIN: 100}
"""A loop over single pictures needs no more to show its rate."""

INGESTERS: dict[str, Entry] = {
    PLAIN: Entry("plain_loop", "PlainLoop"),
    "torch DataLoader": Entry("data_loader", "TorchDataLoader"),
    "imagededup": Entry("imagededup_ingester", "ImagededupCnn", ("imagededup",)),
    "DeepImageSearch": Entry(
        "deepimagesearch_ingester", "DeepImageSearchIndexer", ("DeepImageSearch",)
    ),
}


class Ingester(Protocol):
    """Turns photos into embeddings."""

    @property
    def setting(self) -> str:
        """How it is used, in the words of its users."""
        ...

    def encode(self, folder: Path, photos: Sequence[Path]) -> Rows:
        """Embeddings (N, D), float32, not always of length 1.

        Args:
            folder: The photos, and nothing else, lie below it.
            photos: Their paths, sorted; rows come in this order.
        """
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


class IngestExaminer:
    """One ingester, in its own process. All answers can be pickled."""

    def __init__(self, name: str, place: Place) -> None:
        os.environ["TQDM_DISABLE"] = "1"  # no bars and no messages between our figures
        logging.disable(logging.INFO)
        self._ingester: Ingester = create(INGESTERS[name], place)

    def setting(self) -> str:
        """See Ingester."""
        return self._ingester.setting

    def run(self, folder: Path, photos: Sequence[Path]) -> tuple[float, Rows]:
        """Seconds that all photos took, and their embeddings, unit rows."""
        started = time.perf_counter()
        rows = self._ingester.encode(folder, photos)
        return time.perf_counter() - started, unit_rows(rows)

    def close(self) -> None:
        """Close the ingester."""
        self._ingester.close()


class Rival:
    """An ingester in its process, as a contestant: what it gets through, and what it found."""

    def __init__(self, child: Child, folder: Path, photos: Sequence[Path]) -> None:
        self._child = child
        self._folder, self._photos = folder, photos
        self.setting: str = child.ask("setting")
        self.vectors: Rows = np.empty((0, 0), dtype=np.float32)

    def measure(self) -> float:
        """Pictures a second of one pass."""
        answer: tuple[float, Rows] = self._child.ask("run", self._folder, self._photos)
        seconds, self.vectors = answer
        return len(self._photos) / seconds


@contextmanager
def rivals(names: Sequence[str], folder: Path, work: Path) -> Iterator[dict[str, Rival]]:
    """Started and warmed up, by name; all photos below `folder` are theirs."""
    photos = sorted(folder.rglob("*.jpg"))
    single = work / "single photo" / photos[0].name
    single.parent.mkdir()
    shutil.copy(photos[0], single)
    with ExitStack() as stack:
        started = {}
        for name in names:
            place = Place(cores(), work / name)
            place.folder.mkdir()
            child = stack.enter_context(Child(partial(IngestExaminer, name, place), cores()))
            Rival(child, single.parent, [single]).measure()
            started[name] = Rival(child, folder, photos[: MOST_PICTURES.get(name)])
        yield started
