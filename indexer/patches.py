"""Embed crops of the pictures of a collection that has patches, where that was not done yet."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.patch_rows import keys_without_patches, put_patches, set_patches
from search_engine.encoders.base import Encoder
from search_engine.encoders.external import is_external
from search_engine.encoders.patches import check_patches, patch_vectors
from search_engine.engine import SearchEngine
from search_engine.errors import ImageError, PictureNotFoundError, WorkerLostError
from search_engine.images.decode_pool import DecodePool
from search_engine.images.decoder import Decoder
from search_engine.indexes.generations import remove_all
from search_engine.records import Vectors
from search_engine.storage.faults import fault_point

BATCH_SIZE = 16
"""Pictures whose patches are embedded and committed at once."""


@dataclass(slots=True)
class PatchReport:
    """How many pictures got patches, and how many cannot have any, by the code of the reason."""

    embedded: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def summary(self) -> dict[str, Any]:
        """The same for files and answers."""
        return {"embedded": self.embedded, "refused": dict(self.refused)}


def declare_patches(engine: SearchEngine, record: Collection, count: int) -> None:
    """Say how many patches the pictures of a collection have, none if 0; others that they had go.

    Raises:
        ParameterError: They cannot have so many.
    """
    check_patches(count)
    with engine.catalog.write() as writer:
        is_another = set_patches(writer, record.id, count)
    if is_another:
        remove_all(engine.catalog.paths.patches(record.name))


def embed_patches(
    engine: SearchEngine, collection: str, advance: Callable[[int], None] = lambda count: None
) -> PatchReport:
    """Give patches to all items that lack them, and publish their index; for a holder of the run
    lock.

    Each batch is durable when it is stored: an interrupted run goes on where it stopped. Items
    whose pictures cannot be read are found by the whole picture only.

    Raises:
        StorageError: They cannot be stored.
    """
    report = PatchReport()
    live = engine.live(collection)
    record, patches = live.record, live.patches
    if patches is None or is_external(record.encoder or ""):
        return report
    keys = engine.catalog.ask(lambda connection: keys_without_patches(connection, record)).tolist()
    if keys:
        encoder, settings = engine.encoders.for_pictures(live), engine.settings
        with DecodePool(settings.catalog_limits(), settings.workers) as decoder:
            for start in range(0, len(keys), BATCH_SIZE):
                some = keys[start : start + BATCH_SIZE]
                _embed(engine, record, encoder, decoder, some, report)
                advance(len(some))
    patches.compact_locked()
    return report


def _embed(
    engine: SearchEngine,
    record: Collection,
    encoder: Encoder,
    decoder: Decoder,
    keys: list[int],
    report: PatchReport,
) -> None:
    """Embed and store the patches of some items."""
    as_of = engine.catalog.seq()
    vectors = engine.catalog.vectors(record, keys)
    pictures: dict[int, tuple[bytes, Vectors]] = {}
    for key, item in engine.catalog.by_keys(keys).items():
        try:
            if key in vectors:
                pictures[key] = engine.original(item), vectors[key][None]
        except PictureNotFoundError as error:
            report.refused[error.code] += 1
    found = patch_vectors(decoder, encoder, [*pictures.values()], record.patches or 0)
    made: dict[int, Vectors] = {}
    for key, each in zip(pictures, found, strict=True):
        if isinstance(each, ImageError | WorkerLostError):
            report.refused[each.code] += 1
        else:
            made[key] = each
    with engine.catalog.write() as writer:
        put_patches(writer, record.id, encoder.spec.fingerprint, made, as_of)
        fault_point("patches_before_commit")
    fault_point("patches_committed")
    report.embedded += len(made)
