"""SearchEngine: a data directory, opened for searching, classifying and live changes."""

import hashlib
import logging
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from search_engine import forks
from search_engine.catalog.descriptions import changed_columns, check_description
from search_engine.catalog.fields import check_field
from search_engine.catalog.filter_text import read_filter
from search_engine.catalog.filters import Filter, compile_filter
from search_engine.catalog.store import Catalog, Collection, check_collection_name
from search_engine.catalog.writer import ItemDraft
from search_engine.classifiers.question import ask_model
from search_engine.classifiers.trained import (
    ClassifierCache,
    ListedClassifier,
    OpenedClassifier,
    list_trained,
    open_classifier,
)
from search_engine.collections.live import LiveCollection
from search_engine.collections.opened import OpenCollections
from search_engine.config import Settings
from search_engine.encoders.base import Encoder, encode_picture
from search_engine.encoders.external import refuse_pictures
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.encoders.union import parse_weights, weighted_query
from search_engine.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    EngineClosedError,
    ImageError,
    ModelMismatchError,
    ParameterError,
    PictureNotFoundError,
    QueryExpiredError,
)
from search_engine.images import (
    PICTURE_QUALITY,
    Box,
    GivenPicture,
    parse_box,
    picture_bytes,
    read_file,
)
from search_engine.images.decode_pool import Decoder, InlineDecoder
from search_engine.indexes.selection import KeySet
from search_engine.names import check_item_id
from search_engine.records import (
    Attributes,
    CatalogItem,
    FacetCount,
    Keys,
    Neighbor,
    Pixels,
    SearchResult,
    Stored,
    Vectors,
)
from search_engine.search.candidates import Collector, Reranking, Scope, timed
from search_engine.search.options import check_k, check_min_score
from search_engine.search.query_cache import EmbeddedQuery, QueryCache, QueryToken, query_token
from search_engine.search.rerank.local_features import LocalFeatures, local_features, side_px
from search_engine.search.rerank.pictures import AskedPictures, ItemFeatures
from search_engine.search.rerank.registry import method_named
from search_engine.storage.paths import DEFAULT_COLLECTION, DataPaths
from search_engine.vote.calibration.store import CalibrationCache
from search_engine.vote.knowledge import knowledge_of
from search_engine.vote.question import Question, Wanted, ask, ask_vote
from search_engine.vote.tally import VoteRule

log = logging.getLogger(__name__)

KEPT_PICTURE_SIDE_PX = 1_024
"""Pictures that come by `upsert` have no file elsewhere: the catalog keeps them at this size."""

Picture = GivenPicture | QueryToken


class SearchEngine:
    """Search, classify and change the collections of one data directory.

    Safe to use from several threads, and in children that are forked. Changes are durable and
    visible to the next search when a call returns. A picture is its bytes, the path of a file, a
    binary file object, a PIL image, a NumPy array (see `search_engine.images.picture_bytes`), or
    the token of one that was asked about before.
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
            NotFoundError: It is missing.
            StorageError: It cannot be used.
        """
        settings = settings or Settings()
        self.settings = settings.model_copy(update={"data": Path(data)}) if data else settings
        self.catalog = Catalog(
            DataPaths(self.settings.data),
            self.settings.lock_wait_s,
            create=create,
            read_only=self.settings.read_only,
        )
        self._decoder = decoder or InlineDecoder(self.settings.catalog_limits())
        self._begin()
        forks.follow(self)

    def _begin(self) -> None:
        """With nothing opened or remembered yet."""
        self._default: Encoder | None = None
        self._making_default = threading.Lock()
        self._queries = QueryCache()
        self._calibrations = CalibrationCache(self.catalog)
        self._classifiers = ClassifierCache()
        self.item_features = ItemFeatures(self.catalog, self.picture)
        self._collections = OpenCollections(self.catalog, self.settings)

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
        return _opened, (self.settings.model_copy(update={"data": self.settings.data.absolute()}),)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def search(
        self,
        picture: Picture,
        *,
        k: int = 10,
        filter: Filter | Mapping[str, Any] | str | None = None,
        box: Box | str | None = None,
        group_by: str | None = None,
        min_score: float | None = None,
        weights: Mapping[str, float] | str | None = None,
        rerank: str | None = None,
        collection: str = DEFAULT_COLLECTION,
    ) -> SearchResult:
        """The catalog items that look most like a picture.

        Args:
            picture: Bytes, a path, a file, a PIL image, an array, or the `query_token` of an
                earlier result.
            k: Neighbors wanted, 1 to 200; fewer come back when fewer items match.
            filter: Only items that fulfil it (`search_engine.catalog.filters`).
            box: Look at this region of the picture: x, y, w, h as fractions.
            group_by: At most one neighbor for each value of this field.
            min_score: Leave out neighbors below this cosine.
            weights: How much the parts of the embedding count, as in `color=2,shape=1`; for
                encoders with parts only.
            rerank: `aqe`, `dba`, `k-reciprocal` or `geometric`: put what was found in a better
                order (`search_engine.search.rerank`). Scores stay cosines and need not fall then.
            collection: Where to search.

        Raises:
            ImageError: The picture is refused.
            ExternalEncoderError: The collection's embeddings are made elsewhere.
            QueryExpiredError: The token is not known any more.
            CollectionNotFoundError, FilterError, ParameterError: As they say.
            MissingExtraError: The re-ranking needs OpenCV.
        """
        return self._search(
            self.live(collection),
            picture,
            k=k,
            filter=filter,
            box=box,
            group_by=group_by,
            min_score=min_score,
            weights=weights,
            rerank=rerank,
        )

    def similar(
        self,
        item_id: str,
        *,
        k: int = 10,
        filter: Filter | Mapping[str, Any] | str | None = None,
        group_by: str | None = None,
        min_score: float | None = None,
        weights: Mapping[str, float] | str | None = None,
        rerank: str | None = None,
        collection: str = DEFAULT_COLLECTION,
    ) -> SearchResult:
        """The items that look most like an item, itself left out; from its stored embedding.

        Raises:
            ItemNotFoundError: There is no such item.
            PictureNotFoundError: The re-ranking looks at its picture, which is gone.
        """
        return self._similar(
            self.live(collection),
            item_id,
            k=k,
            filter=filter,
            group_by=group_by,
            min_score=min_score,
            weights=weights,
            rerank=rerank,
        )

    def classify(
        self,
        picture: Picture | None = None,
        *,
        item_id: str | None = None,
        target: str = "label",
        k: int | None = None,
        vote_k: int | None = None,
        rule: VoteRule | None = None,
        accept_accuracy: float | None = None,
        classifier: str | None = None,
        collection: str = DEFAULT_COLLECTION,
        **search: Any,
    ) -> SearchResult:
        """As `search` (or `similar`, for an item), with a class by the vote of the neighbors.

        Where the collection is calibrated for the target, the confidence is a probability. `k`,
        `group_by` and `min_score` say what is shown and leave the vote as it is, except that no
        class is given where no item reaches `min_score`. A filter, re-ranking, weights, another
        `vote_k` or rule make it another vote: its confidence is a share of the votes then, and
        `uncalibrated_because` of the prediction and `warnings` say so. What nothing looks like is
        refused all the same, as far as that is known.

        Args:
            picture: As for `search`.
            item_id: An item instead of a picture.
            target: `label` or the name of an attribute.
            k: Neighbors that are shown; None for those that vote.
            vote_k: Neighbors that vote; None for the calibrated number, else 10.
            rule: How they vote, instead of as calibrated.
            accept_accuracy: Abstain unless so many of such answers are right, 0 to 1.
            classifier: Who answers instead of the vote, by the name that it was trained under;
                the neighbors are evidence only then.
            collection: Where to search.
            search: Further options of `search`.

        Raises:
            ParameterError: There is no such field, or no calibration for `accept_accuracy`.
            ClassifierNotFoundError, ModelMismatchError, StorageError: See `classifier`.
        """
        if (picture is None) == (item_id is None):
            raise ParameterError("give a picture or an item_id, one of them", where="image")
        live = self.live(collection)  # one for both: its encoder may change meanwhile
        wanted = Wanted(target, k, vote_k, rule, accept_accuracy, search)
        question = self._question(live, wanted, classifier)
        if item_id is not None:
            return ask(question, partial(self._similar, live, item_id))
        assert picture is not None
        return ask(question, partial(self._search, live, picture))

    def question(
        self,
        target: str = "label",
        k: int | None = None,
        vote_k: int | None = None,
        rule: VoteRule | None = None,
        accept_accuracy: float | None = None,
        collection: str = DEFAULT_COLLECTION,
        classifier: str | None = None,
        **search: Any,
    ) -> Question:
        """How `classify` asks and answers.

        Raises:
            ParameterError: There is no such field, or no calibration for `accept_accuracy`.
            ClassifierNotFoundError, ModelMismatchError, StorageError: See `classifier`.
        """
        wanted = Wanted(target, k, vote_k, rule, accept_accuracy, search)
        return self._question(self.live(collection), wanted, classifier)

    def classifier(
        self, name: str, target: str = "label", *, collection: str = DEFAULT_COLLECTION
    ) -> OpenedClassifier:
        """A classifier that `search_engine.classifiers.collection.train` stored.

        Raises:
            CollectionNotFoundError: There is no such collection.
            ParameterError: There is no such field.
            ClassifierNotFoundError: It was not trained.
            ModelMismatchError: It learned from embeddings of another encoder.
            StorageError: It is damaged, or cannot be read.
        """
        return self._classifier(self.live(collection), name, target)

    def classifiers(self, *, collection: str = DEFAULT_COLLECTION) -> list[ListedClassifier]:
        """The trained classifiers that fit a collection, by name and target.

        Raises:
            CollectionNotFoundError: There is no such collection.
        """
        return list_trained(self.catalog, self.catalog.collection(collection))

    def facets(
        self,
        fields: Sequence[str],
        *,
        filter: Filter | Mapping[str, Any] | str | None = None,
        collection: str = DEFAULT_COLLECTION,
    ) -> dict[str, tuple[FacetCount, ...]]:
        """How many items have which value of some fields, most frequent first.

        Equal counts are in the order of the values; there are at most 20 values a field. A list
        counts for each of its values.

        Args:
            fields: `label`, `product_id` or names of attributes.
            filter: Count only the items that fulfil it (`search_engine.catalog.filters`).
            collection: Where to count.

        Raises:
            CollectionNotFoundError, FilterError, ParameterError: As they say.
        """
        live = self.live(collection)
        for name in fields:
            check_field(self.catalog, live.record, name, "facets")
        parsed = read_filter(filter)
        query = None if parsed is None else compile_filter(live.fitted(parsed).filter)
        return self.catalog.facets(live.record, fields, query)

    def filter_warnings(
        self,
        filter: Filter | Mapping[str, Any] | str | None,
        *,
        collection: str = DEFAULT_COLLECTION,
    ) -> tuple[str, ...]:
        """What to know of answers under a filter, as `SearchResult.warnings` has it.

        Raises:
            CollectionNotFoundError, FilterError: As they say.
        """
        parsed = read_filter(filter)
        return () if parsed is None else self.live(collection).fitted(parsed).warnings

    def upsert(
        self,
        item_id: str,
        picture: GivenPicture,
        *,
        label: str | None = None,
        product_id: str | None = None,
        attributes: Attributes | None = None,
        collection: str = DEFAULT_COLLECTION,
    ) -> CatalogItem:
        """Add an item with its picture, or replace the one of that id.

        The collection is made when it is missing, with the default encoder. The picture itself is
        kept in the catalog, upright and without metadata, at most 1,024 pixels a side.

        Args:
            item_id: See `search_engine.names` for what is accepted, and how it is spelled then.
            picture: Its bytes.
            label: A class, or the path of one (`Home/Mug`).
            product_id: What the pictures of one product have in common.
            attributes: Texts, finite numbers, true, false, None and lists of these by name.
            collection: Where to put it.

        Raises:
            ParameterError: The id, the label, the product id or an attribute cannot be stored.
            ImageError: The picture is refused.
            ExternalEncoderError: The collection's embeddings are made elsewhere.
        """
        known = {"label": label, "product_id": product_id, "attributes": attributes}
        return self.put(item_id, picture, known, collection=collection).item

    def put(
        self,
        item_id: str,
        picture: GivenPicture,
        known: Mapping[str, Any],
        *,
        collection: str = DEFAULT_COLLECTION,
    ) -> Stored:
        """As `upsert`, and says whether the item is new; `known` is what is known of it by name."""
        item_id, known = check_item_id(item_id), check_description(known)
        data = self._bytes(picture)
        while (stored := self._put(collection, item_id, data, known)) is None:
            pass
        return stored

    def _put(
        self, collection: str, item_id: str, picture: bytes, known: Mapping[str, Any]
    ) -> Stored | None:
        """Embed and store an item; None where the collection became another one meanwhile."""
        live = self._live_or_new(collection)
        encoder = self._encoder(live)
        decoded = self._decoder.decode(picture, encoder.spec.preprocessing)
        draft = ItemDraft(
            item_id=item_id,
            content_hash=content_hash(picture),
            vector=encode_picture(encoder, decoded)[0],
            jpeg=self._decoder.render(picture, KEPT_PICTURE_SIDE_PX, PICTURE_QUALITY),
            **known,
        )
        spec = encoder.spec
        try:
            with self.catalog.write() as writer:
                writer.set_encoder(live.record.id, spec.name, {}, spec.fingerprint, spec.dimension)
                is_new = writer.find(live.record.id, item_id) is None
                writer.put(live.record.id, spec.fingerprint, [draft])
                item = writer.get(live.record.id, item_id)  # later it may be gone again
        except CollectionNotFoundError:
            return None
        except ModelMismatchError:
            if self.catalog.collection(collection).fingerprint == live.record.fingerprint:
                raise
            return None
        live.snapshot()
        return Stored(item, is_new)

    def describe(
        self, item_id: str, changes: Mapping[str, Any], *, collection: str = DEFAULT_COLLECTION
    ) -> CatalogItem:
        """Change `label`, `product_id` or `attributes` of an item, leaving its picture.

        What is not named stays. Attributes are merged in: None removes one. None for a column
        clears it (RFC 7396, JSON merge patch).

        Raises:
            ItemNotFoundError: There is no such item.
            ParameterError: A value cannot be stored.
        """
        live = self.live(collection)
        with self.catalog.write() as writer:
            item = writer.get(live.record.id, item_id)
            changed = changed_columns(item, changes)
            if not changed:
                return item
            writer.describe(live.record.id, {item.key: changed})
            return writer.get(live.record.id, item_id)

    def remove(self, *item_ids: str, collection: str = DEFAULT_COLLECTION) -> None:
        """Remove items, all of them or none; the next search does not find them.

        Raises:
            ItemNotFoundError: There is no such item; names the first.
        """
        live = self.live(collection)
        with self.catalog.write() as writer:
            writer.remove([writer.get(live.record.id, item_id).key for item_id in item_ids])
        live.snapshot()

    def remove_matching(
        self, filter: Filter | Mapping[str, Any] | str, *, collection: str = DEFAULT_COLLECTION
    ) -> int:
        """Remove the items that fulfil a filter, and say how many these were.

        Raises:
            FilterError: It is none, or does not fit the collection.
        """
        live = self.live(collection)
        with self.catalog.write() as writer:
            keys = self.keys_matching(filter, collection=collection)
            writer.remove(keys.tolist())
        live.snapshot()
        return len(keys)

    def keys_matching(
        self, filter: Filter | Mapping[str, Any] | str, *, collection: str = DEFAULT_COLLECTION
    ) -> Keys:
        """Keys of the items that fulfil a filter, ascending; see `remove_matching`."""
        live = self.live(collection)
        parsed = read_filter(filter)
        if parsed is None:
            raise ParameterError("the filter is empty", where="filter", fix="give a condition")
        return self.catalog.keys_where(live.record, compile_filter(live.fitted(parsed).filter))

    def create_collection(self, name: str) -> Collection:
        """Add an empty collection."""
        check_collection_name(name)
        with self.catalog.write() as writer:
            writer.create_collection(name)
        return self.catalog.collection(name)

    def delete_collection(self, name: str) -> None:
        """Remove a collection with everything in it, index files included.

        Raises:
            LockHeldError: It is being indexed; a build of its index in the background gives way.
        """
        self.catalog.collection(name)  # else there is nothing to wait for
        paths = self.catalog.paths
        self._collections.retire(name)
        with self.catalog.indexing(name, wait_s=self.settings.lock_wait_s):
            collection = self.catalog.collection(name)
            with self.catalog.write() as writer:
                writer.delete_collection(collection.id)
            for folder in (paths.index(name), paths.classifiers(name), paths.tuning(name)):
                shutil.rmtree(folder, ignore_errors=True)
            paths.rejects(name).unlink(missing_ok=True)

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
        encoder = self._encoder(live)
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
        return self._decoder.render(self.original(item), max_side_px, quality)

    def original(self, item: CatalogItem) -> bytes:
        """An item's picture as it was given, or as the catalog keeps it.

        Raises:
            PictureNotFoundError: The source file is gone.
        """
        data = self.catalog.picture_jpeg(item.key)
        if data is None:
            if item.picture is None:
                raise PictureNotFoundError("the item has no picture")
            data = _read_source(Path(item.picture), self.settings.max_bytes)
        return data

    def _search(
        self,
        live: LiveCollection,
        picture: Picture,
        *,
        k: int = 10,
        filter: Filter | Mapping[str, Any] | str | None = None,
        box: Box | str | None = None,
        group_by: str | None = None,
        min_score: float | None = None,
        weights: Mapping[str, float] | str | None = None,
        rerank: str | None = None,
    ) -> SearchResult:
        """See `search`."""
        timings: dict[str, float] = {}
        box = parse_box(box) if isinstance(box, str) else box
        asked = picture if isinstance(picture, QueryToken) else self._bytes(picture)
        features = partial(self._photo_features, asked, box)
        reranking = self._reranking(rerank, weights is not None, features)
        try:
            query = self._embed(live, asked, box, timings)
        except ImageError as error:
            if isinstance(picture, str | Path):
                error.where = str(picture)
            raise
        vector = self._weighted(live, query.vector, weights)
        found = self._find(live, vector, timings, k, filter, group_by, min_score, None, reranking)
        warnings = (*query.warnings, *found.warnings)
        return replace(found, vector=query.vector, warnings=warnings, query_token=query.token.text)

    def _similar(
        self,
        live: LiveCollection,
        item_id: str,
        *,
        k: int = 10,
        filter: Filter | Mapping[str, Any] | str | None = None,
        group_by: str | None = None,
        min_score: float | None = None,
        weights: Mapping[str, float] | str | None = None,
        rerank: str | None = None,
    ) -> SearchResult:
        """See `similar`."""
        item = self.catalog.get(live.record, item_id)
        features = partial(self._item_features, item)
        reranking = self._reranking(rerank, weights is not None, features)
        query = self.catalog.vector(live.record, item.key)
        vector = self._weighted(live, query, weights)
        found = self._find(live, vector, {}, k, filter, group_by, min_score, item.key, reranking)
        return replace(found, vector=query)

    def _question(self, live: LiveCollection, wanted: Wanted, classifier: str | None) -> Question:
        """See `question`."""
        if classifier is not None:
            trained = self._classifier(live, classifier, wanted.target)
            return ask_model(trained.model, trained.note, wanted)
        check_field(self.catalog, live.record, wanted.target, "target")
        known = knowledge_of(self.catalog, self._calibrations, live.record, wanted.target)
        return ask_vote(known, wanted)

    def _classifier(self, live: LiveCollection, name: str, target: str) -> OpenedClassifier:
        """See `classifier`."""
        check_field(self.catalog, live.record, target, "target")
        return open_classifier(self.catalog, live.record, name, target, self._classifiers)

    def _find(
        self,
        live: LiveCollection,
        query: Vectors,
        timings: dict[str, float],
        k: int,
        filter: Filter | Mapping[str, Any] | str | None,
        group_by: str | None,
        min_score: float | None,
        exclude: int | None,
        reranking: Reranking | None,
    ) -> SearchResult:
        k, min_score = check_k(k), check_min_score(min_score)
        if group_by is not None:
            check_field(self.catalog, live.record, group_by, "group_by")
        parsed = read_filter(filter)
        snapshot = live.snapshot()
        neighbors: tuple[Neighbor, ...] = ()
        within: KeySet | None = None
        warnings: tuple[str, ...] = ()
        if snapshot is not None:
            if parsed is not None:
                with timed(timings, "filter"):
                    within, warnings = live.matching(parsed), live.fitted(parsed).warnings
            scope = Scope(snapshot, within, exclude)
            collect = Collector(self.catalog, scope, query, min_score, timings, reranking)
            if group_by is None:
                neighbors = collect.best(k)
            else:
                neighbors = collect.grouped(k, group_by, live.record)
            warnings = (*warnings, *collect.warnings)
        timings["total"] = sum(timings.values())
        return SearchResult(
            neighbors=neighbors,
            vector=query,
            timings_ms={name: round(value, 3) for name, value in timings.items()},
            encoder=live.record.fingerprint or "",
            generation=snapshot.generation if snapshot else None,
            warnings=warnings,
            rerank=reranking.method.name if reranking else None,
        )

    def _reranking(
        self, name: str | None, weighted: bool, query: Callable[[], LocalFeatures]
    ) -> Reranking | None:
        """How to re-rank, if at all; `query` gives the features of what is asked about."""
        if name is None:
            return None
        method = method_named(name)
        if weighted:
            raise ParameterError(
                "re-ranking compares embeddings as they are stored",
                where="rerank",
                fix="leave out the weights, or the re-ranking",
            )
        method.check_extra()
        return Reranking(method, AskedPictures(query, self.item_features.of))

    def _photo_features(self, picture: bytes | QueryToken, box: Box | None) -> LocalFeatures:
        if isinstance(picture, QueryToken):
            raise ParameterError(
                "this re-ranking looks at the photo, of which a token keeps the embedding only",
                where="rerank",
                fix="send the photo itself",
            )
        return local_features(self._decoder.render(picture, side_px(box), PICTURE_QUALITY), box)

    def _item_features(self, item: CatalogItem) -> LocalFeatures:
        return local_features(self.picture(item, side_px(None), PICTURE_QUALITY))

    def _embed(
        self,
        live: LiveCollection,
        picture: bytes | QueryToken,
        box: Box | None,
        timings: dict[str, float],
    ) -> EmbeddedQuery:
        """The embedding of a photo: one that was asked about lately is remembered."""
        encoder = self._encoder(live)
        timings.update(decode=0.0, encode=0.0)
        if isinstance(picture, QueryToken):
            return self._remembered(picture, box, encoder.spec.fingerprint)
        token = query_token(picture, box, encoder.spec.fingerprint)
        query = self._queries.get(token)
        if query is None:
            with timed(timings, "decode"):
                decoded = self._decoder.decode(picture, encoder.spec.preprocessing, box)
            with timed(timings, "encode"):
                vector = encode_picture(encoder, decoded)
            query = EmbeddedQuery(token, encoder.spec.fingerprint, vector, decoded.warnings)
            self._queries.keep(query)
        return query

    def _remembered(self, token: QueryToken, box: Box | None, fingerprint: str) -> EmbeddedQuery:
        if box is not None:
            raise ParameterError(
                "a token stands for a region already", where="box", fix="send the photo itself"
            )
        query = self._queries.get(token)
        if query is None or query.fingerprint != fingerprint:
            raise QueryExpiredError(
                "the photo of this token is not remembered", fix="send the photo itself"
            )
        return query

    def _bytes(self, picture: GivenPicture) -> bytes:
        return picture_bytes(picture, self.settings.catalog_limits())

    def _weighted(
        self, live: LiveCollection, query: Vectors, weights: Mapping[str, float] | str | None
    ) -> Vectors:
        """The query with its parts as they are weighed; itself without weights."""
        if weights is None:
            return query
        parsed = parse_weights(weights) if isinstance(weights, str) else weights
        return weighted_query(live.encoder() or self._default_encoder(), query, parsed)

    def _live_or_new(self, name: str) -> LiveCollection:
        check_collection_name(name)
        while True:
            if name not in {collection.name for collection in self.catalog.collections()}:
                with suppress(CollectionExistsError):  # somebody else was faster
                    self.create_collection(name)
            with suppress(CollectionNotFoundError):  # somebody deleted it at once
                return self._collections.newest(name)

    def _encoder(self, live: LiveCollection) -> Encoder:
        """What looks at pictures for a collection.

        Raises:
            ExternalEncoderError: Its embeddings are made elsewhere.
        """
        return refuse_pictures(live.encoder() or self._default_encoder())

    def _default_encoder(self) -> Encoder:
        """What a collection without an encoder gets, made on first use."""
        with self._making_default:
            if self._default is None:
                self._default = create_encoder(
                    EncoderRequest(
                        DEFAULT_ENCODER,
                        runtime=self.settings.runtime,
                        cache=self.catalog.paths.encoders,
                        keep=not self.catalog.read_only,
                    )
                )
            return self._default


def _opened(settings: Settings) -> SearchEngine:
    return SearchEngine(settings=settings, create=False)


def content_hash(data: bytes) -> str:
    """Hex digest that tells whether a picture changed."""
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def _read_source(path: Path, max_bytes: int) -> bytes:
    try:
        return read_file(path, max_bytes)
    except ImageError as error:
        raise PictureNotFoundError("the source picture cannot be read any more") from error
