"""Embed the subject of a search: a photo, the token of one, or an item."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.collections.pictures import ItemPictures
from search_engine.encoders.base import Encoder, encode_picture
from search_engine.errors import ImageError, ParameterError, QueryExpiredError
from search_engine.images import PICTURE_QUALITY, Box, GivenPicture, ImageLimits, picture_bytes
from search_engine.images.decoder import Decoder
from search_engine.records import CatalogItem, Vectors
from search_engine.search.candidates import timed
from search_engine.search.query_cache import EmbeddedQuery, QueryCache, QueryToken, query_token
from search_engine.search.rerank.local_features import LocalFeatures, local_features, side_px

Picture = GivenPicture | QueryToken


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked with: `vector` (1, D), and where it comes from.

    `features` are made when a re-ranking asks for them. `key` is the item's own, which is not found
    then. `token` stands for the photo in further questions. `timings_ms` say what embedding took.
    """

    vector: Vectors = field(repr=False)
    features: Callable[[], LocalFeatures]
    key: int | None = None
    token: str | None = None
    warnings: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)


class Subjects:
    """Embeds subjects, and caches recent photos. Thread-safe."""

    def __init__(
        self, catalog: Catalog, decoder: Decoder, limits: ImageLimits, pictures: ItemPictures
    ) -> None:
        self._catalog = catalog
        self._decoder = decoder
        self._limits = limits
        self._pictures = pictures
        self.queries = QueryCache()

    def photo(self, encoder: Encoder, picture: Picture, box: Box | None = None) -> Subject:
        """A photo, or the token of one, as an encoder sees it.

        Raises:
            ImageError: The picture is refused; `where` is its path if it was given by one.
            QueryExpiredError: The token is not known any more.
            ParameterError: A token has no region of its own.
        """
        timings = {"decode": 0.0, "encode": 0.0}
        try:
            if isinstance(picture, QueryToken):
                query = self._remembered(picture, box, encoder.spec.fingerprint)
                features = _no_features
            else:
                data = picture_bytes(picture, self._limits)
                query = self._embedded(encoder, data, box, timings)
                features = partial(self._features, data, box)
        except ImageError as error:
            if isinstance(picture, str | Path):
                error.where = str(picture)
            raise
        return Subject(
            query.vector,
            features,
            token=query.token.text,
            warnings=query.warnings,
            timings_ms=timings,
        )

    def item(self, live: LiveCollection, item_id: str) -> Subject:
        """An item, by its stored embedding.

        Raises:
            ItemNotFoundError: There is no such item.
        """
        item = self._catalog.get(live.record, item_id)
        vector = self._catalog.vector(live.record, item.key)
        return Subject(vector, partial(self._item_features, item), key=item.key)

    def _embedded(
        self, encoder: Encoder, data: bytes, box: Box | None, timings: dict[str, float]
    ) -> EmbeddedQuery:
        token = query_token(data, box, encoder.spec.fingerprint)
        query = self.queries.get(token)
        if query is None:
            with timed(timings, "decode"):
                decoded = self._decoder.decode(data, encoder.spec.preprocessing, box)
            with timed(timings, "encode"):
                vector = encode_picture(encoder, decoded)
            query = EmbeddedQuery(token, encoder.spec.fingerprint, vector, decoded.warnings)
            self.queries.keep(query)
        return query

    def _remembered(self, token: QueryToken, box: Box | None, fingerprint: str) -> EmbeddedQuery:
        if box is not None:
            raise ParameterError(
                "a token stands for a region already", where="box", fix="send the photo itself"
            )
        query = self.queries.get(token)
        if query is None or query.fingerprint != fingerprint:
            raise QueryExpiredError(
                "the photo of this token is not remembered", fix="send the photo itself"
            )
        return query

    def _features(self, data: bytes, box: Box | None) -> LocalFeatures:
        return local_features(self._decoder.render(data, side_px(box), PICTURE_QUALITY), box)

    def _item_features(self, item: CatalogItem) -> LocalFeatures:
        return local_features(self._pictures.render(item, side_px(None), PICTURE_QUALITY))


def _no_features() -> LocalFeatures:
    raise ParameterError(
        "this re-ranking looks at the photo, of which a token keeps the embedding only",
        where="rerank",
        fix="send the photo itself",
    )
