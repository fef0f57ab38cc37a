"""What kind an index is and how hard it searches: small frozen values that manifests keep."""

import math
from dataclasses import dataclass
from typing import Any

AUTOMATIC = "auto"
"""In the place of a factory string: the kind that suits."""
DEPTHS = (10, 200)
"""Numbers of neighbors for which an index is tuned, the second the most that anybody can ask for;
between them a power law holds."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard an approximate index searches, at each of `DEPTHS`.

    `probes` is FAISS's `nprobe` of an inverted file or `efSearch` of a graph; `candidates` is how
    many of what it finds are scored exactly.
    """

    probes: tuple[int, int] = (32, 64)
    candidates: tuple[int, int] = (64, 256)

    def probes_at(self, depth: float) -> int:
        """Probes that reach the `depth` nearest: k, or k / selectivity under a filter."""
        return _power_law(self.probes, depth)

    def candidates_at(self, k: int) -> int:
        """Candidates to score for the k best."""
        return max(k, _power_law(self.candidates, k))


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """A FAISS factory string; for approximate kinds also what tuning found.

    `recall` is the index_recall@10 that it reached on the index's own vectors; None means that
    the index is exact or was not tuned. `since_training` counts the changes since its centroids
    and codes were learned: generations use them again as long as they fit.
    """

    factory: str = "Flat"
    effort: Effort = Effort()
    recall: float | None = None
    since_training: int = 0

    @classmethod
    def from_json(cls, described: dict[str, Any]) -> "IndexSpec":
        """The inverse of `dataclasses.asdict`.

        Raises:
            KeyError, TypeError, ValueError: It is not that.
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
    """Through the two points in log-log; never below the first."""
    first, second = at_depths
    exponent = math.log(max(1.0, second / first)) / math.log(DEPTHS[1] / DEPTHS[0])
    exact = float(first * max(1.0, depth / DEPTHS[0]) ** exponent)
    return math.ceil(round(exact, 6))  # rounded: at a depth it is what was tuned, not one more
