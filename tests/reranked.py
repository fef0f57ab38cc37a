"""Candidates over a few embeddings, and drawn pictures with much to recognise, for re-rankings."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from search_engine.indexes.live import LiveIndex
from search_engine.records import Keys, Vectors
from search_engine.search.rerank.base import Candidates
from search_engine.search.rerank.local_features import LocalFeatures, local_features
from search_engine.search.scope import Scope

SIDE_PX = 400


class NoPictures:
    """For methods that do not look at any."""

    def query(self) -> LocalFeatures:
        raise AssertionError("the query was looked at")

    def items(self, keys: Keys) -> list[LocalFeatures | None]:
        raise AssertionError("items were looked at")


class DrawnPictures:
    """Of a query and of items by key; None is a picture that is gone."""

    def __init__(self, query: Image.Image, items: Sequence[Image.Image | None]) -> None:
        self._query = features(query)
        self._items = [None if one is None else features(one) for one in items]

    def query(self) -> LocalFeatures:
        return self._query

    def items(self, keys: Keys) -> list[LocalFeatures | None]:
        return [self._items[key] for key in keys.tolist()]


def candidates(
    query: NDArray[np.float32], vectors: Vectors, count: int | None = None
) -> Candidates:
    """The first of all rows by cosine, from a live index; keys are rows."""
    index = LiveIndex(len(query))
    index.upsert(np.arange(len(vectors)), vectors)
    scope = Scope(index.snapshot)
    ((keys, scores),) = scope.nearest(query[None], count or max(len(vectors), 1))
    return Candidates(query[None], keys, scores, scope, NoPictures())


def drawn(seed: int) -> Image.Image:
    """A picture full of coloured shapes; another seed is another thing."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (SIDE_PX, SIDE_PX), "white")
    pencil = ImageDraw.Draw(picture)
    for _ in range(120):
        left, top = rng.integers(0, SIDE_PX - 60, 2).tolist()
        width, height = rng.integers(12, 60, 2).tolist()
        draw = pencil.rectangle if rng.random() < 0.5 else pencil.ellipse
        colour = tuple(rng.integers(0, 256, 3).tolist())
        draw((left, top, left + width, top + height), fill=colour, outline="black")
    return picture


def photographed(picture: Image.Image) -> Image.Image:
    """The same thing, turned, closer, darker and with less contrast."""
    turned = picture.rotate(25, Image.Resampling.BICUBIC, expand=False, fillcolor="grey")
    closer = turned.crop((60, 50, 360, 350)).resize((340, 340), Image.Resampling.BICUBIC)
    return ImageEnhance.Contrast(ImageEnhance.Brightness(closer).enhance(0.6)).enhance(0.8)


def blurred(picture: Image.Image) -> Image.Image:
    """The same colours in the same places, and nothing to recognise."""
    return picture.filter(ImageFilter.GaussianBlur(16))


def jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def features(picture: Image.Image) -> LocalFeatures:
    return local_features(jpeg(picture))
