"""Evaluate an encoder that learned from labels by items that it did not learn from.

Items that were learned from find those of their class more often than new photos will. So each of
them is asked in a space that is learned again without it and without what is held out with it. A
network is not trained again: only items are asked that one of its trainings did without.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.collections.encoders import NETWORK, judged, projection_of
from search_engine.collections.labelled import Labelled, aligned, read_gallery
from search_engine.encoders.projection_learning import learn
from search_engine.evaluate.ranking import Hiding, Space
from search_engine.evaluate.splits import with_vectors
from search_engine.records import Codes, Vectors
from search_engine.things import FOLDS, fold_of, groupings, hardest


@dataclass(frozen=True, slots=True)
class Lesson:
    """What an encoder learned from, to learn it again without some of it.

    `codes` are the classes of the gallery's items (N,), -1 for none, and `before` embeddings (N, D)
    of these without the projection, which was learned with `shrinkage`. Of a trained network there
    are some by each that judges it, and `held` has the rows that this one did not learn from.
    `whole` has the collection's items that came later, too.
    """

    gallery: Labelled
    codes: Codes
    before: Sequence[Vectors]
    held: Sequence[Codes]
    shrinkage: float
    whole: Labelled

    @property
    def later(self) -> int:
        """How many items came later than what was learned."""
        return len(self.whole.keys) - len(self.gallery.keys)

    @property
    def looks(self) -> Labelled:
        """The gallery with embeddings that learned nothing from labels, or not from all items."""
        return with_vectors(self.gallery, self.before[0])

    @property
    def asked(self) -> Codes:
        """The rows that can be asked with, ascending."""
        return np.sort(np.concatenate(self.held)) if self.held else np.arange(len(self.codes))

    def without(self, labels: Sequence[str]) -> "Lesson":
        """Return the lesson without what the items of some classes taught; they are asked, too."""
        away = np.isin([label or "" for label in self.gallery.labels], labels)
        return replace(self, codes=np.where(away, -1, self.codes))

    def spaces(self, hiding: Hiding | None, advance: Callable[[int], None]) -> list[Space]:
        """Learn again without each part; no spaces if too little is left to learn from.

        Args:
            hiding: What is held out together; None for what shows the same thing.
            advance: Called with 1 for each part.
        """
        found = []
        for unseen, vectors in self._parts(hiding):
            left = self.codes.copy()
            left[unseen] = -1
            if len(np.unique(left[left >= 0])) < 2:
                return []
            (learned,) = learn(vectors, left, (self.shrinkage,))
            found.append(Space(unseen, vectors, learned))
            advance(1)
        return found

    @property
    def parts(self) -> int:
        """How many times it is learned again."""
        return len(self.held) or FOLDS

    def _parts(self, hiding: Hiding | None) -> Iterator[tuple[Codes, Vectors]]:
        """Yield the rows to learn without, and the embeddings to learn from."""
        if self.held:
            yield from zip(self.held, self.before, strict=True)
            return
        things = self._things(hiding)
        fold = fold_of(self.codes, things)
        fold = np.where(fold < 0, things % FOLDS, fold)  # the only thing of a class is asked, too
        for number in range(FOLDS):
            yield np.flatnonzero(fold == number), self.before[0]

    def _things(self, hiding: Hiding | None) -> Codes:
        if hiding is not None:
            own = hiding.gallery
            return np.where(own >= 0, own, own.max(initial=-1) + 1 + np.arange(len(own)))
        looks = self.looks
        ways = groupings(looks.vectors, self.codes, looks.together, looks.order)
        return ways[hardest(looks.vectors, self.codes, ways)]


def has_learned(catalog: Catalog, record: Collection, target: str) -> bool:
    """Whether the encoder of a collection learned from these labels."""
    projection = projection_of(catalog, record.encoder_options)
    return projection is not None and projection.origin.target == target


def read_lesson(
    catalog: Catalog, record: Collection, target: str, whole: Labelled
) -> Lesson | None:
    """Read what the encoder of a collection learned from the labels of its items.

    Items that came later have no embeddings of before.

    Args:
        catalog: The catalog.
        record: The collection.
        target: Names the labels of the items.
        whole: The collection's items as its encoder shows them.

    Returns:
        The lesson; None if nothing was learned from these labels, if most items have no embeddings
        of before, or if a network was trained on all of them.
    """
    projection = projection_of(catalog, record.encoder_options)
    if projection is None or projection.origin.target != target:
        return None
    judges = projection.origin.judges
    if NETWORK in record.encoder_options and not judges:
        return None
    stored = [read_gallery(catalog, record.name, record=by) for by in judged(record, projection)]
    gallery, *before = aligned([whole, *stored])
    labels = [label or "" for label in gallery.labels]
    codes = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    codes[[not label for label in labels]] = -1
    held = [np.flatnonzero(np.isin(gallery.keys, judge.held_out)) for judge in judges]
    if 2 * len(gallery.keys) <= len(whole.keys) or any(len(rows) == 0 for rows in held):
        return None
    vectors = [each.vectors for each in before]
    return Lesson(gallery, codes, vectors, held, projection.origin.shrinkage, whole)
