"""Changes that an application makes: items, one or many at a time, and collections."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import repeat

import numpy as np

from search_engine.catalog.collection_rows import Collection, check_collection_name
from search_engine.catalog.filters import Filter, compile_filter
from search_engine.catalog.job_writer import cancel_jobs_of
from search_engine.catalog.store import Catalog
from search_engine.catalog.writer import CatalogWriter, ItemDraft
from search_engine.collections.default_encoder import CollectionEncoders
from search_engine.collections.live import LiveCollection
from search_engine.collections.opened import OpenCollections
from search_engine.collections.operations import (
    Delete,
    Operation,
    Outcome,
    Patch,
    Put,
    Step,
    checked,
    patched,
    require_expected,
    written,
)
from search_engine.collections.pictures import content_hash, kept_pictures
from search_engine.collections.versions import Expected
from search_engine.encoders.base import Encoder
from search_engine.encoders.embedding import Embedded, embed_pictures
from search_engine.encoders.patches import patch_vectors
from search_engine.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    EyedexError,
    ItemChangedError,
    ModelMismatchError,
)
from search_engine.images.decoder import Decoder
from search_engine.indexes.generations import remove_all
from search_engine.records import CatalogItem, Keys, Stored


class Changes:
    """Writes to a catalog; each change is durable and can be found when its call returns."""

    def __init__(
        self,
        catalog: Catalog,
        collections: OpenCollections,
        encoders: CollectionEncoders,
        decoder: Decoder,
        lock_wait_s: float,
    ) -> None:
        self._catalog = catalog
        self._collections = collections
        self._encoders = encoders
        self._decoder = decoder
        self._lock_wait_s = lock_wait_s

    def put(self, collection: str, put: Put) -> Stored:
        """Add an item with its picture, or replace the one of that id; see `SearchEngine.put`."""
        outcome = self.apply(collection, [put])[0]
        if isinstance(outcome, EyedexError):
            raise outcome
        assert outcome.item is not None
        return Stored(outcome.item, outcome.is_new)

    def apply(self, collection: str, operations: Sequence[Operation]) -> list[Outcome]:
        """Do what can be done, in one transaction; see `SearchEngine.change`."""
        ready = [checked(each) for each in operations]
        if all(isinstance(each, EyedexError) for each in ready):
            return [each for each in ready if isinstance(each, EyedexError)]
        while (outcomes := self._apply(collection, ready)) is None:
            pass
        return outcomes

    def _apply(
        self, collection: str, ready: Sequence[Operation | EyedexError]
    ) -> list[Outcome] | None:
        """Embed and write; return None if the collection was replaced meanwhile."""
        puts = [each for each in ready if isinstance(each, Put)]
        live = self._live_or_new(collection) if puts else self._collections.get(collection)
        encoder = self._encoders.for_pictures_if_any(live, bool(puts))
        made: Iterator[ItemDraft | EyedexError] = iter(())
        if isinstance(encoder, EyedexError):
            made = repeat(encoder)
        elif encoder is not None:
            made = self._drafts(encoder, puts, live.record.patches)
        steps = [next(made) if isinstance(each, Put) else each for each in ready]
        drafted = any(isinstance(each, ItemDraft) for each in steps)
        removed = all(isinstance(each, Delete) for each in steps)
        try:
            with self._catalog.write(frees=removed) as writer:
                fingerprint = live.record.fingerprint or ""
                if drafted and encoder is not None and not isinstance(encoder, EyedexError):
                    spec, fingerprint = encoder.spec, encoder.spec.fingerprint
                    writer.set_encoder(live.record.id, spec.name, {}, fingerprint, spec.dimension)
                steps = [
                    _as_expected(writer, live.record.id, *each)
                    for each in zip(ready, steps, strict=True)
                ]
                outcomes = written(writer, live.record.id, fingerprint, steps)
        except CollectionNotFoundError:
            return None
        except ModelMismatchError:
            if self._catalog.collection(collection).fingerprint == live.record.fingerprint:
                raise
            return None
        live.snapshot()
        return outcomes

    def _drafts(
        self, encoder: Encoder, puts: Sequence[Put], patches: int | None
    ) -> Iterator[ItemDraft | EyedexError]:
        """Items to be written, decoded several at a time and embedded in one batch; some are
        refused."""
        pictures = [(each.picture, None) for each in puts]
        batch = embed_pictures(self._decoder, encoder, pictures, with_colors=True)
        embedded = [*zip(puts, batch.outcomes, strict=True)]
        whole = [put.picture for put, each in embedded if isinstance(each, Embedded)]
        kept = iter(kept_pictures(self._decoder, whole))
        vectors = [
            (put.picture, each.vector) for put, each in embedded if isinstance(each, Embedded)
        ]
        crops = iter(patch_vectors(self._decoder, encoder, vectors, patches) if patches else ())
        for put, each in embedded:
            crop = next(crops, None) if isinstance(each, Embedded) else None
            jpeg = next(kept) if isinstance(each, Embedded) else each
            if isinstance(each, Embedded) and isinstance(jpeg, bytes):
                yield ItemDraft(
                    item_id=put.item_id,
                    content_hash=content_hash(put.picture),
                    vector=each.vector[0],
                    jpeg=jpeg,
                    colors=each.colors,
                    picture_hash=each.picture_hash,
                    patches=crop if isinstance(crop, np.ndarray) else None,
                    **put.known,
                )
            else:
                assert isinstance(jpeg, EyedexError)
                yield jpeg

    def describe(self, live: LiveCollection, patch: Patch) -> CatalogItem:
        """Change what is known of an item, leaving its picture; see `SearchEngine.describe`."""
        with self._catalog.write() as writer:
            require_expected(writer, live.record.id, patch)
            return patched(writer, live.record.id, patch)

    def remove(
        self, live: LiveCollection, *item_ids: str, expected: Expected | None = None
    ) -> None:
        """Remove items, all of them or none.

        Raises:
            ItemNotFoundError: There is no such item; names the first.
            ItemChangedError: One is another one than was expected.
        """
        with self._catalog.write(frees=True) as writer:
            for item_id in item_ids:
                require_expected(writer, live.record.id, Delete(item_id, expected))
            writer.remove([writer.get(live.record.id, item_id).key for item_id in item_ids])
        live.snapshot()

    def remove_matching(self, live: LiveCollection, parsed: Filter) -> int:
        """Remove the items that fulfil a filter, and say how many these were."""
        with self._catalog.write(frees=True) as writer:
            keys = self.keys_matching(live, parsed)
            writer.remove(keys.tolist())
        live.snapshot()
        return len(keys)

    def keys_matching(self, live: LiveCollection, parsed: Filter) -> Keys:
        """Keys of the items that fulfil a filter, ascending."""
        return self._catalog.keys_where(live.record, compile_filter(live.fitted(parsed).filter))

    def create_collection(self, name: str) -> Collection:
        """Add an empty collection."""
        check_collection_name(name)
        with self._catalog.write() as writer:
            writer.create_collection(name)
        return self._catalog.collection(name)

    def delete_collection(self, name: str) -> None:
        """Remove a collection with everything in it, index files included.

        Raises:
            LockHeldError: It is being indexed; a build of its index in the background gives way.
        """
        self._catalog.collection(name)  # else there is nothing to wait for
        paths = self._catalog.paths
        self._collections.retire(name)
        with self._catalog.indexing(name, wait_s=self._lock_wait_s):
            collection = self._catalog.collection(name)
            with self._catalog.write(frees=True) as writer:
                writer.delete_collection(collection.id)
                cancel_jobs_of(writer, name)
            remove_all(paths.patches(name))
            remove_all(paths.index(name))
            for folder_of in (paths.classifiers, paths.overviews, paths.tuning):
                shutil.rmtree(folder_of(name), ignore_errors=True)
            paths.rejects(name).unlink(missing_ok=True)

    def _live_or_new(self, name: str) -> LiveCollection:
        check_collection_name(name)
        while True:
            if name not in {collection.name for collection in self._catalog.collections()}:
                with suppress(CollectionExistsError):  # somebody else was faster
                    self.create_collection(name)
            with suppress(CollectionNotFoundError):  # somebody deleted it at once
                return self._collections.newest(name)


def _as_expected(
    writer: CatalogWriter, collection_id: int, asked: Operation | EyedexError, step: Step
) -> Step:
    """The step, or the error that its item is not the one that was expected."""
    if isinstance(asked, EyedexError):
        return step
    try:
        require_expected(writer, collection_id, asked)
    except ItemChangedError as error:
        return error
    return step
