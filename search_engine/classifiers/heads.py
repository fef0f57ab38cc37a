"""Trained classifiers as plain arrays computed with NumPy: no scikit-learn, no pickle.

A head gives a score for each class, higher is better. Its arrays can be stored anywhere;
`from_arrays` restores the head and refuses unusable arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Vectors

Arrays = Mapping[str, NDArray[Any]]
Scores = NDArray[np.float64]

ROWS_A_BLOCK = 256


class Head(Protocol):
    """Scores of C classes for embeddings of dimension D."""

    kind: ClassVar[str]

    @property
    def dimension(self) -> int:
        """Width of the embeddings, D."""
        ...

    def scores(self, vectors: Vectors) -> Scores:
        """Compute scores (Q, C), float64, for vectors (Q, D)."""
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of the head by name."""
        ...

    @classmethod
    def from_arrays(cls, arrays: Arrays, classes: int) -> Self:
        """Restore a head from its arrays.

        Raises:
            ValueError: They do not make such a head.
        """
        ...


@dataclass(frozen=True, slots=True)
class LinearHead:
    """Scores are weights (C, D) times the vector, plus bias (C,); float32."""

    kind: ClassVar[str] = "linear"

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    @property
    def dimension(self) -> int:
        """See Head."""
        return int(self.weights.shape[1])

    def scores(self, vectors: Vectors) -> Scores:
        """See Head."""
        return np.asarray(vectors @ self.weights.T + self.bias, dtype=np.float64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """See Head."""
        return {"weights": self.weights, "bias": self.bias}

    @classmethod
    def from_arrays(cls, arrays: Arrays, classes: int) -> Self:
        """See Head."""
        weights = _array(arrays, "weights", np.float32, (classes, None))
        return cls(weights, _array(arrays, "bias", np.float32, (classes,)))


@dataclass(frozen=True, slots=True)
class KernelHead:
    """A radial basis function at each of S support vectors: support (S, D), float32.

    The kernel is exp(-gamma * squared distance); the score is its values times the coefficients
    (C, S) plus bias (C,), float32.
    """

    kind: ClassVar[str] = "rbf"

    support: Vectors
    coefficients: NDArray[np.float32]
    bias: NDArray[np.float32]
    gamma: NDArray[np.float64]

    @property
    def dimension(self) -> int:
        """See Head."""
        return int(self.support.shape[1])

    def scores(self, vectors: Vectors) -> Scores:
        """See Head."""
        blocks = [
            rbf_kernel(vectors[start : start + ROWS_A_BLOCK], self.support, float(self.gamma))
            @ self.coefficients.T
            for start in range(0, len(vectors), ROWS_A_BLOCK)
        ]
        nothing = np.empty((0, len(self.bias)), dtype=np.float32)
        return np.asarray(np.concatenate([nothing, *blocks]) + self.bias, dtype=np.float64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """See Head."""
        return {
            "support": self.support,
            "coefficients": self.coefficients,
            "bias": self.bias,
            "gamma": self.gamma,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays, classes: int) -> Self:
        """See Head."""
        support = _array(arrays, "support", np.float32, (None, None))
        coefficients = _array(arrays, "coefficients", np.float32, (classes, len(support)))
        bias = _array(arrays, "bias", np.float32, (classes,))
        gamma = _array(arrays, "gamma", np.float64, ())
        if gamma <= 0:
            raise ValueError("gamma is not positive")
        return cls(support, coefficients, bias, gamma)


@dataclass(frozen=True, slots=True)
class ForestHead:
    """Trees that vote, as one list of M nodes; `roots` (T,) are the positions of their roots.

    At an inner node, a vector whose `feature` is at most `threshold` goes `left`, else `right`;
    both come after their parent. Leaves have a `left` of -1 and vote for the class `leaf`. The
    score is the logarithm of the share of the votes, with half a vote added for each class.
    """

    kind: ClassVar[str] = "forest"

    roots: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    leaf: NDArray[np.int32]
    width: NDArray[np.int32]
    """D and C; stored because trees need not use every feature or class."""

    @property
    def dimension(self) -> int:
        """See Head."""
        return int(self.width[0])

    def scores(self, vectors: Vectors) -> Scores:
        """See Head."""
        blocks = [
            self._shares(vectors[start : start + ROWS_A_BLOCK])
            for start in range(0, len(vectors), ROWS_A_BLOCK)
        ]
        shares = np.concatenate([np.empty((0, int(self.width[1]))), *blocks])
        return np.asarray(np.log(shares))

    def _shares(self, vectors: Vectors) -> NDArray[np.float64]:
        classes = int(self.width[1])
        rows = np.arange(len(vectors))[:, None]
        node = np.broadcast_to(self.roots, (len(vectors), len(self.roots)))
        while (inner := self.left[node] >= 0).any():
            lower = vectors[rows, self.feature[node]] <= self.threshold[node]
            node = np.where(inner, np.where(lower, self.left[node], self.right[node]), node)
        votes = np.full((len(vectors), classes), 0.5)
        np.add.at(votes, (rows, self.leaf[node]), 1.0)
        return np.asarray(votes / votes.sum(axis=1, keepdims=True))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """See Head."""
        return {
            "roots": self.roots,
            "left": self.left,
            "right": self.right,
            "feature": self.feature,
            "threshold": self.threshold,
            "leaf": self.leaf,
            "width": self.width,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays, classes: int) -> Self:
        """See Head."""
        left = _array(arrays, "left", np.int32, (None,))
        nodes = len(left)
        head = cls(
            roots=_array(arrays, "roots", np.int32, (None,)),
            left=left,
            right=_array(arrays, "right", np.int32, (nodes,)),
            feature=_array(arrays, "feature", np.int32, (nodes,)),
            threshold=_array(arrays, "threshold", np.float64, (nodes,)),
            leaf=_array(arrays, "leaf", np.int32, (nodes,)),
            width=_array(arrays, "width", np.int32, (2,)),
        )
        _check_forest(head, classes)
        return head


def rbf_kernel(vectors: Vectors, support: Vectors, gamma: float) -> NDArray[np.float32]:
    """Compute exp(-gamma * squared distance) between rows (Q, D) and (S, D): (Q, S), float32."""
    squares = (vectors**2).sum(axis=1)[:, None] + (support**2).sum(axis=1)[None]
    distances = np.maximum(squares - 2.0 * (vectors @ support.T), 0.0)
    return np.asarray(np.exp(-gamma * distances), dtype=np.float32)


def _array(
    arrays: Arrays, name: str, kind: type[np.generic], shape: tuple[int | None, ...]
) -> NDArray[Any]:
    """Check type, shape and finiteness of an array; None stands for any length but 0."""
    if name not in arrays:
        raise ValueError(f"it lacks the array {name!r}")
    array = arrays[name]
    fits = len(array.shape) == len(shape) and all(
        has > 0 and wanted in (None, has) for has, wanted in zip(array.shape, shape, strict=True)
    )
    if array.dtype != kind or not fits:
        raise ValueError(f"array {name!r} is {array.dtype} of shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"array {name!r} is not finite")
    return array


def _check_forest(head: ForestHead, classes: int) -> None:
    """Check that children come after their parent, so that every descent ends."""
    nodes = len(head.left)
    inner = np.flatnonzero(head.left >= 0)
    within = (
        (head.roots >= 0).all() and (head.roots < nodes).all(),
        (head.left[inner] > inner).all() and (head.left[inner] < nodes).all(),
        (head.right[inner] > inner).all() and (head.right[inner] < nodes).all(),
        (head.feature >= 0).all() and (head.feature < head.width[0]).all(),
        (head.leaf >= 0).all() and (head.leaf < classes).all(),
        head.width[0] > 0 and head.width[1] == classes,
    )
    if not all(within):
        raise ValueError("its trees lead out of the forest")


HEADS: dict[str, type[LinearHead] | type[KernelHead] | type[ForestHead]] = {
    head.kind: head for head in (LinearHead, KernelHead, ForestHead)
}
