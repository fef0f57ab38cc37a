"""The seam between a run, which reads, plans, commits and counts, and where pictures are embedded.

An executor takes pictures and gives what is stored of each, or why it is refused. It knows nothing
of the catalog: what an executor lost is embedded again, and no item is stored twice.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.plan import HashedRow
from search_engine.errors import StorageError
from search_engine.images import PictureColors


@dataclass(frozen=True, slots=True)
class Embedded:
    """What is stored of one picture.

    `vector` is its embedding, (D,), float32; `below` that of the encoder below, (B,), to learn
    from, None where there is none. `warnings` say in what it was not taken as it is.
    """

    vector: NDArray[np.float32]
    below: NDArray[np.float32] | None
    colors: PictureColors | None
    picture_hash: bytes
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a picture has no embedding: a stable code, and a sentence."""

    code: str
    what: str


Outcome = Embedded | Refused
"""The result for one picture."""


class ClusterUnavailableError(StorageError):
    """The cluster that should embed pictures cannot be reached, or gave up."""

    code = "cluster_unavailable"


class Executor(Protocol):
    """Embeds pictures somewhere."""

    def outcomes(
        self, pictures: Iterable[tuple[HashedRow, bytes]]
    ) -> Generator[list[tuple[HashedRow, Outcome]]]:
        """Give every row back with its outcome, once and in order, in batches to be committed.

        Pictures are taken as there is room for them, between batches: the caller's own work on a
        batch goes on beside the executor's.

        Raises:
            EyedexError: No more can be embedded; what was given back stays right.
        """
        ...
