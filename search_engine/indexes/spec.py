"""The kind of an index and its search effort: small frozen values stored in manifests."""

import math
from dataclasses import dataclass
from typing import Any

AUTOMATIC = "auto"
"""Replaces a factory string to choose a suitable kind."""
DEPTHS = (10, 200)
"""Numbers of neighbors for which an index is tuned, the second being the largest allowed; a power
law interpolates."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard an approximate index searches, at each of `DEPTHS`.

    `probes` is FAISS's `nprobe` of an inverted file or `efSearch` of a graph; `candidates` is how
    many results are scored exactly.
    """

    probes: tuple[int, int] = (32, 64)
    candidates: tuple[int, int] = (64, 256)

    def probes_at(self, depth: float) -> int:
        """Return the probes to reach the `depth` nearest: k, or k / selectivity under a filter."""
        return _power_law(self.probes, depth)

    def candidates_at(self, k: int) -> int:
        """Return the candidates to score for the k best."""
        return max(k, _power_law(self.candidates, k))


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """A FAISS factory string, and for approximate kinds the result of tuning.

    `recall` is the index_recall@10 reached on the index's own vectors; None if the index is exact
    or was not tuned. `since_training` counts the changes since its centroids and codes were
    learned: generations reuse them as long as they fit.
    """

    factory: str = "Flat"
    effort: Effort = Effort()
    recall: float | None = None
    since_training: int = 0

    @classmethod
    def from_json(cls, described: dict[str, Any]) -> "IndexSpec":
        """Invert `dataclasses.asdict`.

        Raises:
            KeyError, TypeError, ValueError: The value does not fit.
        """
        effort = described["effort"]
        return cls(
            factory=str(described["factory"]),
            effort=Effort(*(_pair(effort[name]) for name in ("probes", "candidates"))),
            recall=None if described["recall"] is None else float(described["recall"]),
            since_training=int(described.get("since_training", 0)),
        )


def _pair(values: Any) -> tuple[int, int]:
    first, second = values
    return int(first), int(second)


def _power_law(at_depths: tuple[int, int], depth: float) -> int:
    """Interpolate through two points in log-log scale; never below the first."""
    first, second = at_depths
    exponent = math.log(max(1.0, second / first)) / math.log(DEPTHS[1] / DEPTHS[0])
    exact = float(first * max(1.0, depth / DEPTHS[0]) ** exponent)
    return math.ceil(round(exact, 6))  # rounded first: at a tuned depth exactly the tuned value
