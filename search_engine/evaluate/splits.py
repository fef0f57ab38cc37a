"""Select queries and gallery: labelled rows, samples, folds, held-out classes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from search_engine.collections.labelled import Labelled, take
from search_engine.errors import ParameterError
from search_engine.evaluate.ranking import Hiding
from search_engine.things import things_of


def labelled_rows(labelled: Labelled) -> NDArray[np.int64]:
    """Return the rows that have a label."""
    return np.flatnonzero([label is not None for label in labelled.labels])


def sample_rows(count: int, at_most: int, seed: int) -> NDArray[np.int64]:
    """Choose at most so many of `count` rows, evenly spread, ascending."""
    if count <= at_most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, at_most, replace=False))


def product_groups(labelled: Labelled) -> NDArray[np.int64]:
    """Number the products, (N,); pictures without a product get a number of their own."""
    numbers: dict[str, int] = {}
    names = [
        f"#{row}" if product is None else f"={product}"
        for row, product in enumerate(labelled.products or [None] * len(labelled.keys))
    ]
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def folds_by_thing(labelled: Labelled, folds: int, seed: int) -> Hiding:
    """Make folds of about equal size and similar label mix; pictures of one thing stay together.

    A thing is a group, a product or, without ids of them, what looks alike (`things`): so no
    picture is found by means of another picture of the very same object. The folds are those of
    scikit-learn's StratifiedGroupKFold.

    Raises:
        ParameterError: There are fewer things than folds.
    """
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    labels = [label or "" for label in labelled.labels]
    codes = np.unique(labels, return_inverse=True)[1]
    groups = things_of(labelled.vectors, codes, labelled.together)
    things = len(np.unique(groups))
    if not 2 <= folds <= things:
        raise ParameterError(
            f"{folds} folds of {things} different products or scenes",
            where="folds",
            fix=f"give 2 to {things}, or index more pictures"
            if things > 1
            else "index more pictures first",
        )
    number = np.full(len(groups), -1, dtype=np.int64)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class may be rarer than there are folds
        for fold, (_, rows) in enumerate(splitter.split(labels, labels, groups)):
            number[rows] = fold
    return Hiding(number, number)


def hiding_things(
    labelled: Labelled, values: Sequence[frozenset[str]] | None = None
) -> Hiding | None:
    """Hide from each item, one of N, all that shows the same thing (`things`).

    An item whose values no other thing has hides only itself, as nothing would be left to find: the
    only thing of a class, or any where the class is the product. None if each item hides only
    itself.

    Args:
        labelled: All items.
        values: The values of each item, (N,), where it has several; else its label is the only one.
    """
    rows = labelled_rows(labelled)
    known = take(labelled, rows)
    codes = np.unique([label or "" for label in known.labels], return_inverse=True)[1]
    things = things_of(known.vectors, codes, known.together)
    if values is None:
        sets = [frozenset((str(label),)) for label in known.labels]
    else:
        sets = [values[row] for row in rows.tolist()]
    first: dict[str, int] = {}
    shared = set[str]()
    for thing, each in zip(things.tolist(), sets, strict=True):
        shared.update(value for value in each if first.setdefault(value, thing) != thing)
    held = np.where([bool(each & shared) for each in sets], things, -1).astype(np.int64)
    if len(np.unique(held[held >= 0])) == np.count_nonzero(held >= 0):
        return None
    number = np.full(len(labelled.keys), -1, dtype=np.int64)
    number[rows] = held
    return Hiding(number, number)


def hiding_groups(groups: Sequence[str | None]) -> Hiding:
    """Hide from each item, one of N, all that are in its group; None is in no group."""
    numbers: dict[str, int] = {}
    number = np.array(
        [-1 if one is None else numbers.setdefault(one, len(numbers)) for one in groups],
        dtype=np.int64,
    )
    return Hiding(number, number)


def choose_classes(
    queries: Sequence[str | None], gallery: Sequence[str | None], count: int, seed: int
) -> tuple[str, ...]:
    """Draw classes to remove from the gallery, among those that queries and gallery share.

    Raises:
        ParameterError: No class would remain.
    """
    known = Counter(label for label in gallery if label is not None)
    common = sorted(set(known) & set(queries) - {None})
    if not 1 <= count < len(known) or count > len(common):
        most = min(len(common), len(known) - 1)
        raise ParameterError(
            f"{count} classes cannot be held out of {len(known)}",
            where="hold_out_classes",
            fix=f"1 to {most} will do" if most > 0 else "index pictures of at least two classes",
        )
    rng = np.random.default_rng(seed)
    return tuple(sorted(rng.choice(common, count, replace=False).tolist()))


def with_vectors(labelled: Labelled, vectors: NDArray[np.float32]) -> Labelled:
    """Return the same pictures with other embeddings."""
    return replace(labelled, vectors=vectors)


def narrowed(
    queries: Labelled, hiding: Hiding | None, rows: NDArray[np.int64]
) -> tuple[Labelled, Hiding | None]:
    """Select queries, and what they must not find."""
    chosen = take(queries, rows)
    return chosen, None if hiding is None else Hiding(hiding.queries[rows], hiding.gallery)
