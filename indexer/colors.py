"""The dominant colours of pictures that were indexed before colours were looked for."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from indexer.change.request import Stage
from search_engine.catalog.picture_colors import keys_without_colors
from search_engine.engine import SearchEngine
from search_engine.errors import PictureNotFoundError
from search_engine.images import PictureColors
from search_engine.images.decode_pool import DecodePool
from search_engine.images.decoder import answers_of

BATCH_SIZE = 32
"""Pictures that are held at a time; what is found of them is stored before the next."""


@dataclass(slots=True)
class ColorsReport:
    """Counts of pictures whose colours were unknown, and of those whose colours were found.

    `unread` pictures are gone or refused.
    """

    asked: int = 0
    found: int = 0

    @property
    def unread(self) -> int:
        """How many pictures cannot be read."""
        return self.asked - self.found

    def summary(self) -> dict[str, Any]:
        """The same for files and answers."""
        return {"asked": self.asked, "found": self.found, "unread": self.unread}


def find_colors(engine: SearchEngine, collection: str, stage: Stage) -> ColorsReport:
    """Find and store the colours of all pictures of a collection whose colours are unknown.

    Each batch is durable when it is stored: an interrupted run goes on where it stopped.

    Raises:
        CollectionNotFoundError: There is no such collection.
        StorageError: They cannot be stored.
    """
    catalog, settings = engine.catalog, engine.settings
    record = catalog.collection(collection)
    keys = catalog.ask(lambda connection: keys_without_colors(connection, record.id)).tolist()
    report = ColorsReport(asked=len(keys))
    with (
        stage("finding colours", len(keys)) as advance,
        DecodePool(settings.catalog_limits(), settings.workers) as decoder,
    ):
        for start in range(0, len(keys), BATCH_SIZE):
            some = keys[start : start + BATCH_SIZE]
            found = _colors_of(engine, decoder, some)
            with catalog.write() as writer:
                writer.set_colors(found)
            report.found += len(found)
            advance(len(some))
    return report


def _colors_of(
    engine: SearchEngine, decoder: DecodePool, keys: list[int]
) -> dict[int, PictureColors]:
    pictures: dict[int, bytes] = {}
    for key, item in engine.catalog.by_keys(keys).items():
        with suppress(PictureNotFoundError):
            pictures[key] = engine.original(item)
    outcomes = answers_of(decoder, decoder.colors, list(pictures.values()))
    found = zip(pictures, outcomes, strict=True)
    return {key: each for key, each in found if isinstance(each, PictureColors)}
