"""Estimators of scikit-learn, each as a function from embeddings and classes to a head.

`codes` are class numbers from 0 on, all of which occur. Regularisation strengths are the simplest
of four within a standard error of the best (Hastie et al., "The elements of statistical learning",
7.10), on items held out of the clothing and grocery galleries (mean of both; `python -m
benchmarks.classifiers FOLDER --parameters`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine.classifiers.heads import ForestHead, Head, KernelHead, LinearHead, rbf_kernel
from search_engine.processes import spare_cores
from search_engine.records import Codes, Vectors

Learn = Callable[[Vectors, Codes], Head]

SEED = 0


def class_mean(vectors: Vectors, codes: Codes) -> LinearHead:
    """The nearest class mean (Mensink et al., "Distance-based image classification", TPAMI 2013).

    x . mean - |mean|^2 / 2 is largest for the nearest mean. The answers equal those of
    scikit-learn's NearestCentroid, which warns about classes without spread.
    """
    means = np.stack([vectors[codes == code].mean(axis=0) for code in range(codes.max() + 1)])
    return _linear(means, -0.5 * (means**2).sum(axis=1))


def logistic(vectors: Vectors, codes: Codes, strength: float = 30.0) -> LinearHead:
    """Multinomial logistic regression (a softmax head), L2-penalised."""
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(C=strength, max_iter=1_000).fit(vectors, codes)
    return _linear(found.coef_, found.intercept_)


def linear_svm(vectors: Vectors, codes: Codes, strength: float = 3.0) -> LinearHead:
    """Linear support vector machines, one class against the rest, squared hinge loss."""
    from sklearn.svm import LinearSVC

    found = LinearSVC(C=strength, dual="auto", random_state=SEED).fit(vectors, codes)
    return _linear(found.coef_, found.intercept_)


def rbf_svm(vectors: Vectors, codes: Codes, strength: float = 3.0) -> KernelHead:
    """Support vector machines with a radial basis function, one class against the rest.

    One against the rest instead of pairwise: the margins are continuous, so the probabilities are
    far better at the same accuracy. The kernel (N, N) is computed once for all classes.
    """
    from sklearn.svm import SVC

    gamma = 1.0 / max(vectors.shape[1] * float(vectors.var()), 1e-12)  # as "scale" in scikit-learn
    kernel = rbf_kernel(vectors, vectors, gamma).astype(np.float64)
    count = int(codes.max()) + 1
    coefficients = np.zeros((count, len(vectors)), dtype=np.float32)
    bias = np.zeros(count, dtype=np.float32)
    for code in range(count):
        found = SVC(C=strength, kernel="precomputed").fit(kernel, codes == code)
        coefficients[code, found.support_] = found.dual_coef_[0]
        bias[code] = found.intercept_[0]
    used = coefficients.any(axis=0)
    return KernelHead(
        np.ascontiguousarray(vectors[used]),
        np.ascontiguousarray(coefficients[:, used]),
        bias,
        np.array(gamma),
    )


def forest(vectors: Vectors, codes: Codes, trees: int = 200) -> ForestHead:
    """A random forest, each tree grown until its leaves are pure (Breiman, 2001)."""
    from sklearn.ensemble import RandomForestClassifier

    found = RandomForestClassifier(trees, random_state=SEED, n_jobs=spare_cores())
    grown = [estimator.tree_ for estimator in found.fit(vectors, codes).estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in grown[:-1])]).astype(np.int32)
    return ForestHead(
        roots=roots,
        left=_moved([tree.children_left for tree in grown], roots),
        right=_moved([tree.children_right for tree in grown], roots),
        feature=np.concatenate([np.maximum(tree.feature, 0) for tree in grown]).astype(np.int32),
        threshold=np.concatenate([tree.threshold for tree in grown]),
        leaf=np.concatenate([tree.value[:, 0].argmax(axis=1) for tree in grown]).astype(np.int32),
        width=np.array([vectors.shape[1], codes.max() + 1], dtype=np.int32),
    )


def _moved(children: Sequence[NDArray[Any]], roots: NDArray[np.int32]) -> NDArray[np.int32]:
    """Offset the node numbers of a tree to the joined list; leaves keep -1."""
    moved = [
        np.where(each >= 0, each + root, -1) for each, root in zip(children, roots, strict=True)
    ]
    return np.concatenate(moved).astype(np.int32)


def _linear(weights: NDArray[Any], bias: NDArray[Any]) -> LinearHead:
    """Make a head; for two classes scikit-learn has one row, for the second against the first."""
    if len(weights) == 1:
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return LinearHead(
        np.ascontiguousarray(weights, dtype=np.float32), np.asarray(bias, dtype=np.float32)
    )
