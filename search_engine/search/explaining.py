"""`Explainer`: what neighbors have in common with a query, place by place in both pictures."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from search_engine.catalog.store import Catalog
from search_engine.collections.pictures import ItemPictures
from search_engine.encoders.base import Encoder
from search_engine.errors import EyedexError, ParameterError
from search_engine.images import DecodedImage
from search_engine.records import CatalogItem, Explanation, Heat, Neighbor
from search_engine.search.heat import PictureParts
from search_engine.search.hiding import without_places
from search_engine.search.subject import Subject

OPTION = "explain"
MOST_NEIGHBORS = 50
"""So many are explained at most: each needs a picture to be decoded and encoded several times."""
KEPT = 200
"""Pictures cached at most; with 1,280 dimensions at 49 positions they take 25 MB."""
FAR = 0.05
"""A score and its explanation differ by more only if the picture is another one by now."""

NO_QUERY = (
    "query_not_explained: a token, an embedding or a mix is no picture to look at; send a photo"
)

Values = Mapping[int, NDArray[np.float32]]


class Explainer:
    """Explains neighbors, and caches the parts of items' pictures. For several threads."""

    def __init__(self, catalog: Catalog, pictures: ItemPictures, kept: int = KEPT) -> None:
        self._catalog = catalog
        self._pictures = pictures
        self._most = kept
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int, str], PictureParts] = OrderedDict()

    def explain(
        self, encoder: Encoder, subject: Subject, neighbors: Sequence[Neighbor], vectors: Values
    ) -> tuple[tuple[Neighbor, ...], tuple[str, ...]]:
        """Add explanations to neighbors; those whose pictures are gone stay as they are.

        Args:
            encoder: That of the collection.
            subject: What was asked with.
            neighbors: What was found.
            vectors: The stored embeddings of the neighbors by key.

        Returns:
            The neighbors, and warnings.
        """
        if not neighbors:
            return (), ()
        asked, parts, warnings = self._looked(encoder, subject, neighbors)
        own = subject.item_key
        mine = None if own is None else self._catalog.by_keys([own]).get(own)
        found = []
        if mine is not None and asked is not None:
            warnings += self._changed(encoder, mine, asked.heat(subject.vector[0]), 1.0)
        for one in neighbors:
            look = parts.get(one.item.key)
            if look is None:
                found.append(one)
                continue
            item = look.heat(subject.vector[0])
            warnings += self._changed(encoder, one.item, item, one.score)
            vector = vectors.get(one.item.key)
            query = None if asked is None or vector is None else asked.heat(vector)
            shared = () if mine is None else shared_fields(mine, one.item)
            found.append(replace(one, explanation=Explanation(item, query, shared)))
        return tuple(found), tuple(warnings)

    def _looked(
        self, encoder: Encoder, subject: Subject, neighbors: Sequence[Neighbor]
    ) -> tuple[PictureParts | None, dict[int, PictureParts], list[str]]:
        """The parts of the query's picture and of each neighbor's."""
        warnings: list[str] = []
        items = {each.item.key: each.item for each in neighbors}
        own = subject.item_key
        if own is not None:
            items |= self._catalog.by_keys([own])
        known = {key: self._cached(encoder, item) for key, item in items.items()}
        decoded: dict[int, DecodedImage] = {}
        new = [item for key, item in items.items() if known[key] is None]
        outcomes = self._pictures.decode(new, encoder.spec.preprocessing)
        for item, outcome in zip(new, outcomes, strict=True):
            if isinstance(outcome, EyedexError):
                warnings.append(f"not_explained: {item.item_id}: {outcome.what}")
            else:
                decoded[item.key] = outcome
        if subject.look is not None:
            decoded[_QUERY] = subject.look(encoder.spec.preprocessing)
        elif own is None:
            warnings.append(NO_QUERY)
        made = {key: parts_of(encoder, each) for key, each in decoded.items()}
        for key, each in made.items():
            if key != _QUERY:
                self._keep(encoder, items[key], each)
        parts = {key: each for key, each in {**known, **made}.items() if each is not None}
        asked = parts.get(_QUERY if own is None else own)
        return asked, parts, warnings

    def _cached(self, encoder: Encoder, item: CatalogItem) -> PictureParts | None:
        with self._lock:
            name = _name(encoder, item)
            found = self._kept.get(name)
            if found is not None:
                self._kept.move_to_end(name)
            return found

    def _changed(
        self, encoder: Encoder, item: CatalogItem, heat: Heat, score: float
    ) -> Iterator[str]:
        """Warn of what is not of the indexed picture, and forget it: that one may come back."""
        if abs(float(heat.grid.sum()) - score) <= FAR:
            return
        with self._lock:
            self._kept.pop(_name(encoder, item), None)
        yield (
            f"picture_changed: the picture of {item.item_id} is not the one that was indexed; its "
            "explanation is of today's"
        )

    def _keep(self, encoder: Encoder, item: CatalogItem, parts: PictureParts) -> None:
        with self._lock:
            self._kept[_name(encoder, item)] = parts
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)


_QUERY = -1
"""In place of a key, which is never negative."""


def check_explained(count: int) -> None:
    """Refuse to explain more neighbors than is reasonable.

    Raises:
        ParameterError: It says how many are.
    """
    if count > MOST_NEIGHBORS:
        raise ParameterError(
            f"{count} neighbors are too many to be explained",
            where=OPTION,
            fix=f"give a `k` of {MOST_NEIGHBORS} at most, and go on by `cursor`",
        )


def parts_of(encoder: Encoder, picture: DecodedImage) -> PictureParts:
    """The embedding of a picture without each of its places."""
    views = np.stack([without_places(encoder, view) for view in picture.views])
    return PictureParts.of(views, picture.boxes)


def shared_fields(one: CatalogItem, other: CatalogItem) -> tuple[str, ...]:
    """The fields of which two items have the same value."""
    mine, others = (
        {"label": each.label, "product_id": each.product_id, **each.attributes}
        for each in (one, other)
    )
    return tuple(
        name for name, value in mine.items() if value is not None and others.get(name) == value
    )


def _name(encoder: Encoder, item: CatalogItem) -> tuple[str, int, str]:
    return encoder.spec.fingerprint, item.key, item.content_hash
