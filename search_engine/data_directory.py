"""`DataDirectory`: what is opened of a data directory, and given up with it."""

import logging
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from search_engine import forks
from search_engine.catalog.store import Catalog
from search_engine.collections.default_encoder import CollectionEncoders
from search_engine.collections.live import LiveCollection
from search_engine.collections.opened import OpenCollections
from search_engine.collections.pictures import KEPT_PICTURE_SIDE_PX, ItemPictures
from search_engine.config import Settings
from search_engine.errors import (
    CollectionNotFoundError,
    EngineClosedError,
    ImageError,
    ParameterError,
    PictureNotFoundError,
)
from search_engine.images import PICTURE_QUALITY
from search_engine.images.decoder import Decoder, InlineDecoder
from search_engine.records import CatalogItem, Pixels
from search_engine.storage.paths import DEFAULT_COLLECTION

log = logging.getLogger(__name__)


class DataDirectory:
    """A data directory with its catalog, encoders, pictures and opened collections.

    Safe to use from several threads, and in children that are forked.
    """

    def __init__(
        self,
        data: str | Path | None = None,
        *,
        settings: Settings | None = None,
        decoder: Decoder | None = None,
        create: bool = True,
    ) -> None:
        """Open a data directory.

        Args:
            data: The directory; None for that of the settings.
            settings: With `read_only` nothing is written; nor is it where nothing can be written.
            decoder: What decodes pictures; None for this process.
            create: Make the directory if it is missing, unless it is to be read only.

        Raises:
            ParameterError: Its path is empty.
            NotFoundError: It is missing.
            StorageError: It cannot be used.
        """
        settings = settings or Settings()
        if data == "":
            raise ParameterError("the path is empty", where="data", fix="leave it out or name one")
        if data is not None:
            settings = settings.model_copy(update={"data": Path(data)})
        self.settings = settings
        self.catalog = Catalog(
            self.settings.paths,
            self.settings.lock_wait_s,
            create=create,
            read_only=self.settings.read_only,
        )
        self._decoder = decoder or InlineDecoder(self.settings.catalog_limits())
        self._begin()
        forks.follow(self)

    def _begin(self) -> None:
        """Start with nothing opened or remembered."""
        catalog, settings, decoder = self.catalog, self.settings, self._decoder
        self._collections = OpenCollections(catalog, settings)
        self.encoders = CollectionEncoders(catalog, settings.runtime)
        self.pictures = ItemPictures(catalog, decoder, settings.catalog_limits())

    def before_fork(self) -> None:
        """See `search_engine.forks.Follower`."""

    def after_fork(self, torn: bool) -> None:
        """See `search_engine.forks.Follower`: what is open has locks that nobody would free."""
        self._begin()

    def close(self) -> None:
        """Give up connections and decoding processes; whatever is asked later is refused.

        To close twice changes nothing.
        """
        self._decoder.close()
        self.catalog.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickled engine is opened anew where it is unpickled, as by `multiprocessing`."""
        if not isinstance(self._decoder, InlineDecoder):
            raise TypeError(
                "a SearchEngine with a decoder of its own cannot be pickled; send the data "
                "directory and open a SearchEngine there"
            )
        settings = self.settings.model_copy(update={"data": self.settings.data.absolute()})
        return partial(type(self), settings=settings, create=False), ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fold_changes(self, name: str) -> None:
        """Build a collection's index anew if it is worth it, in the background.

        What goes wrong is logged: nobody waits for it, and answers come from the catalog meanwhile.
        """
        try:
            self.live(name).compact_aside()
        except (CollectionNotFoundError, EngineClosedError):
            log.debug("collection %s is gone: its index is not built", name)
        except Exception as error:  # noqa: BLE001 - FAISS and the system raise anything
            log.warning("the index of %s is not up to date yet: %s", name, error)

    def live(self, name: str) -> LiveCollection:
        """The collection, opened.

        Raises:
            CollectionNotFoundError: There is none of that name.
        """
        return self._collections.get(name)

    def reopen(self, name: str) -> None:
        """Take over at once what this process has just changed about a collection's encoder."""
        self._collections.reopen(name)

    def pixels(self, count: int, *, collection: str = DEFAULT_COLLECTION) -> Pixels:
        """The pictures of the first items as the collection's encoder takes them, at most `count`.

        Items whose picture is gone are passed over.
        """
        live = self.live(collection)
        encoder = self.encoders.for_pictures(live)
        found = []
        for item in self.catalog.page(live.record, 0, count):
            with suppress(PictureNotFoundError, ImageError):
                jpeg = self.picture(item, KEPT_PICTURE_SIDE_PX, PICTURE_QUALITY)
                found.append(self._decoder.decode(jpeg, encoder.spec.preprocessing).pixels)
        size = encoder.spec.preprocessing.size_px
        return np.stack(found) if found else np.empty((0, size, size, 3), dtype=np.uint8)

    def picture(self, item: CatalogItem, max_side_px: int, quality: int) -> bytes:
        """An item's picture as JPEG, upright, without metadata.

        Raises:
            PictureNotFoundError: The source file is gone or is no picture any more.
        """
        return self.pictures.render(item, max_side_px, quality)

    def original(self, item: CatalogItem) -> bytes:
        """An item's picture as it was given, or as the catalog keeps it.

        Raises:
            PictureNotFoundError: The source file is gone.
        """
        return self.pictures.original(item)
