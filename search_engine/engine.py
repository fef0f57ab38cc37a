"""SearchEngine: a data directory, opened for searching, classifying and live changes."""

from collections.abc import Iterator, Sequence
from typing import Unpack

from search_engine.answering import Answering, Outcomes, only
from search_engine.catalog.attributes import PICTURE_COLOR
from search_engine.catalog.fields import check_field
from search_engine.catalog.filter_text import GivenFilter, read_filter
from search_engine.catalog.filters import compile_filter
from search_engine.catalog.listing import ADDED
from search_engine.classifiers.trained import ListedClassifier, OpenedClassifier, list_trained
from search_engine.collections.listing import ItemQuestion, every_item, item_page
from search_engine.editing import EditableDirectory
from search_engine.errors import ParameterError
from search_engine.feedback.kept import Feedback
from search_engine.records import (
    CatalogItem,
    FacetCount,
    ItemPage,
    SearchResult,
)
from search_engine.search.asked import Asked
from search_engine.search.examples import GivenExample, Picture
from search_engine.search.given_vectors import GivenVector
from search_engine.search.options import ClassifyArguments, SearchArguments, search_options
from search_engine.search.subjects import Subjects
from search_engine.storage.paths import DEFAULT_COLLECTION
from search_engine.vote.question import Question, Wanted
from search_engine.vote.tally import VoteRule


class SearchEngine(EditableDirectory):
    """Search, classify and change the collections of one data directory.

    Safe to use from several threads, and in children that are forked. Changes are durable and
    visible to the next search when a call returns. A picture is its bytes, the path of a file, a
    binary file object, a PIL image, a NumPy array (see `search_engine.images.picture_bytes`), or
    the token of one that was asked about before.
    """

    def _begin(self) -> None:
        super()._begin()
        catalog, decoder, settings = self.catalog, self._decoder, self.settings
        subjects = Subjects(catalog, decoder, settings, self.pictures)
        self.answering = Answering(self, subjects)
        self.feedback = Feedback(catalog, subjects.queries, settings)

    def close(self) -> None:
        """See `DataDirectory.close`. What was counted of the photos asked about is stored."""
        self.answering.drift.finish()
        super().close()

    def search(
        self,
        picture: Picture | None = None,
        *,
        vector: GivenVector | None = None,
        text: str | None = None,
        like: Sequence[GivenExample] = (),
        unlike: Sequence[GivenExample] = (),
        collection: str = DEFAULT_COLLECTION,
        **options: Unpack[SearchArguments],
    ) -> SearchResult:
        """The catalog items that look most like a picture, lie nearest to an embedding or a text,
        or are described by words (`q`) and colours (`color`).

        Args:
            picture: Bytes, a path, a file, a PIL image, an array, or the `query_token` of an
                earlier result.
            vector: An embedding instead, by the collection's encoder: D numbers of any length
                but 0, or the base64 of them as little-endian float32.
            text: What a picture would show, instead, where the collection's encoder reads texts.
            like: Examples of what is wanted, beside these or instead: ids of items, or `Example`s
                of pictures, items, embeddings and texts. Those items are not found themselves,
                nor other views of their products.
            unlike: Examples of what is not wanted.
            collection: Where to search.
            options: Those of `search_engine.search.options`. Fewer than k come back if fewer match.

        Raises:
            ImageError: The picture is refused.
            ExternalEncoderError: The collection's embeddings are made elsewhere.
            QueryExpiredError: The token is not known any more.
            CollectionNotFoundError, FilterError, ParameterError: As they say.
            MissingExtraError: The re-ranking needs OpenCV.
        """
        checked = search_options(options, photo=picture is not None)
        asked = Asked(
            picture=picture, vector=vector, text=text, like=like, unlike=unlike, box=checked.box,
            regions=checked.regions, turns=checked.turns, described=checked.describes,
        )  # fmt: skip
        return only(self.answering.search(self.live(collection), [asked], checked))

    def search_many(
        self,
        asked: Sequence[Asked],
        *,
        collection: str = DEFAULT_COLLECTION,
        **options: Unpack[SearchArguments],
    ) -> Outcomes:
        """As `search` and `similar`, for many at once: decoded, encoded and searched together.

        Args:
            asked: What is asked with, each with its own region.
            collection: Where to search.
            options: As `similar` has them, for all.

        Returns:
            What was found for each, in order, or why nothing was.

        Raises:
            CollectionNotFoundError, FilterError, ParameterError, MissingExtraError: As `search`,
                where it is not about one of them.
        """
        return self.answering.search(
            self.live(collection), asked, search_options(options, photo=False)
        )

    def similar(
        self,
        item_id: str,
        *,
        like: Sequence[GivenExample] = (),
        unlike: Sequence[GivenExample] = (),
        collection: str = DEFAULT_COLLECTION,
        **options: Unpack[SearchArguments],
    ) -> SearchResult:
        """The items that look most like an item, itself left out; from its stored embedding.

        Examples are those of `search`, and options too but for `box`, `regions` and `turns`.

        Raises:
            ItemNotFoundError: There is no such item.
            PictureNotFoundError: The re-ranking looks at its picture, which is gone.
        """
        asked = Asked(item_id=item_id, like=like, unlike=unlike)
        return only(self.search_many([asked], collection=collection, **options))

    def classify(
        self,
        picture: Picture | None = None,
        *,
        item_id: str | None = None,
        vector: GivenVector | None = None,
        text: str | None = None,
        rule: VoteRule | None = None,
        collection: str = DEFAULT_COLLECTION,
        **options: Unpack[ClassifyArguments],
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
            vector: An embedding instead, or
            text: words, as for `search`.
            rule: How neighbors vote, instead of as calibrated.
            collection: Where to search.
            options: Those of `search`, and `target`, `vote_k`, `accept_accuracy`, `classifier`. A
                trained classifier answers alone: the neighbors are evidence only.

        Raises:
            ParameterError: There is no such field, or no calibration for `accept_accuracy`.
            ClassifierNotFoundError, ModelMismatchError, StorageError: See `classifier`.
        """
        wanted = Wanted.of(options, rule, photo=picture is not None)
        asked = Asked(picture, item_id, vector, wanted.search.box, text=text)
        return only(self.answering.classify(self.live(collection), [asked], wanted))

    def classify_many(
        self,
        asked: Sequence[Asked],
        *,
        rule: VoteRule | None = None,
        collection: str = DEFAULT_COLLECTION,
        **options: Unpack[ClassifyArguments],
    ) -> Outcomes:
        """As `classify`, for many at once; see `search_many`."""
        wanted = Wanted.of(options, rule, photo=False)
        return self.answering.classify(self.live(collection), asked, wanted)

    def question(
        self,
        *,
        rule: VoteRule | None = None,
        collection: str = DEFAULT_COLLECTION,
        **options: Unpack[ClassifyArguments],
    ) -> Question:
        """How `classify` asks and answers, for many pictures.

        Raises:
            ParameterError: There is no such field, or no calibration for `accept_accuracy`.
            ClassifierNotFoundError, ModelMismatchError, StorageError: See `classifier`.
        """
        return self.answering.question(self.live(collection), Wanted.of(options, rule))

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
        return self.answering.classifier(self.live(collection), name, target)

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
        filter: GivenFilter | None = None,
        collection: str = DEFAULT_COLLECTION,
    ) -> dict[str, tuple[FacetCount, ...]]:
        """How many items have which value of some fields, most frequent first.

        Equal counts are in the order of the values; there are at most 20 values a field. A list
        counts for each of its values.

        Args:
            fields: `label`, `product_id`, names of attributes, or `picture_color`: the names of the
                colours that were found in pictures.
            filter: Count only the items that fulfil it (`search_engine.catalog.filters`).
            collection: Where to count.

        Raises:
            CollectionNotFoundError, FilterError, ParameterError: As they say.
        """
        if isinstance(fields, str):
            raise ParameterError("not a list of fields", where="facets", fix="put it into a list")
        live = self.live(collection)
        for name in fields:
            check_field(self.catalog, live.record, name, "facets", also=(PICTURE_COLOR,))
        parsed = read_filter(filter)
        query = None if parsed is None else compile_filter(live.fitted(parsed).filter)
        return self.catalog.facets(live.record, fields, query)

    def filter_warnings(
        self,
        filter: GivenFilter | None,
        *,
        collection: str = DEFAULT_COLLECTION,
    ) -> tuple[str, ...]:
        """What to know of answers under a filter, as `SearchResult.warnings` has it.

        Raises:
            CollectionNotFoundError, FilterError: As they say.
        """
        parsed = read_filter(filter)
        return () if parsed is None else self.live(collection).fitted(parsed).warnings

    def items(
        self,
        *,
        filter: GivenFilter | None = None,
        q: str | None = None,
        sort: str = ADDED,
        collection: str = DEFAULT_COLLECTION,
    ) -> Iterator[CatalogItem]:
        """All items that fulfil a filter and have a text in them, in an order, read page by page.

        Args:
            filter: See `search_engine.catalog.filters`.
            q: A text in id or product id, or words, each the beginning of one in label, name or
                another text of the attributes, in any case.
            sort: `added`, `changed`, `item_id`, `label`, `product_id` or an attribute, behind a `-`
                for the other way round. Items without a value come last either way.
            collection: Where they are.

        Raises:
            CollectionNotFoundError, FilterError, ParameterError: As they say.
        """
        question = ItemQuestion(read_filter(filter), q, sort)
        return every_item(self.catalog, self.live(collection), question)

    def item_page(
        self,
        question: ItemQuestion,
        limit: int,
        cursor: str | None = None,
        *,
        collection: str = DEFAULT_COLLECTION,
    ) -> ItemPage:
        """One page of `items`; see `search_engine.collections.listing.item_page`."""
        return item_page(self.catalog, self.live(collection), question, limit, cursor)
