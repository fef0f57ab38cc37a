"""Pictures of items, as they were given and as they are shown."""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from search_engine.catalog.damaged import damage_of
from search_engine.catalog.store import Catalog
from search_engine.errors import (
    DamagedPictureError,
    EyedexError,
    ImageError,
    PictureNotFoundError,
    WorkerLostError,
)
from search_engine.images import (
    PICTURE_QUALITY,
    DecodedImage,
    ImageLimits,
    Preprocessing,
    read_file,
)
from search_engine.images.decoder import Decoder, answers_of
from search_engine.records import CatalogItem

KEPT_PICTURE_SIDE_PX = 1_024
"""Size at which the catalog keeps pictures given to `upsert`, which have no file elsewhere."""


class ItemPictures:
    """Read the pictures of a catalog's items, within the limits for the owner's own files."""

    def __init__(self, catalog: Catalog, decoder: Decoder, limits: ImageLimits) -> None:
        self._catalog = catalog
        self._decoder = decoder
        self._limits = limits

    def original(self, item: CatalogItem) -> bytes:
        """Return an item's picture as it was given, or as the catalog keeps it.

        Raises:
            PictureNotFoundError: The source file is gone.
            DamagedPictureError: What the catalog keeps of the item is damaged.
        """
        damage = damage_of(item)
        if damage is not None:
            raise DamagedPictureError(damage)
        data = self._catalog.picture_jpeg(item.key)
        if data is not None:
            return data
        if item.picture is None:
            raise PictureNotFoundError("the item has no picture")
        try:
            return read_file(Path(item.picture), self._limits.max_bytes)
        except ImageError as error:
            raise PictureNotFoundError("the source picture cannot be read any more") from error

    def render(self, item: CatalogItem, max_side_px: int, quality: int) -> bytes:
        """Return an item's picture as JPEG, upright, without metadata.

        Raises:
            PictureNotFoundError: The source file is gone or no longer a picture.
        """
        return self._decoder.render(self.original(item), max_side_px, quality, self._limits)

    def decode(
        self, items: Sequence[CatalogItem], preprocessing: Preprocessing
    ) -> list[DecodedImage | EyedexError]:
        """Return items' pictures as an encoder takes them, in order, or why one cannot be had."""

        def decode(item: CatalogItem) -> DecodedImage | PictureNotFoundError:
            try:
                data = self.original(item)
            except PictureNotFoundError as error:
                return error
            return self._decoder.decode(data, preprocessing, limits=self._limits)

        return [*answers_of(self._decoder, decode, items)]


def kept_pictures(
    decoder: Decoder, pictures: Sequence[bytes]
) -> list[bytes | ImageError | WorkerLostError]:
    """Pictures as the catalog keeps them, in order; some may be refused."""
    render = partial(decoder.render, max_side_px=KEPT_PICTURE_SIDE_PX, quality=PICTURE_QUALITY)
    return answers_of(decoder, render, pictures)


def content_hash(data: bytes) -> str:
    """Return a hex digest that changes with the picture."""
    return hashlib.blake2b(data, digest_size=32).hexdigest()
