"""Embed what queries ask with: photos, tokens, items, embeddings, texts, and mixes of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from pathlib import Path
from time import perf_counter

import numpy as np

from search_engine.catalog.picture_colors import shape_of
from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.collections.pictures import ItemPictures
from search_engine.config import Settings
from search_engine.encoders.base import Encoder
from search_engine.encoders.embedding import Embedded, embed_pictures
from search_engine.encoders.external import is_external
from search_engine.encoders.patches import WINDOWS
from search_engine.encoders.positions import positions_of
from search_engine.encoders.texts import text_encoder
from search_engine.errors import (
    ExternalEncoderError,
    EyedexError,
    ImageError,
    ParameterError,
    QueryExpiredError,
)
from search_engine.images import (
    PICTURE_QUALITY,
    Box,
    DecodedImage,
    PixelBox,
    Preprocessing,
    picture_bytes,
)
from search_engine.images.decoder import Decoder
from search_engine.records import CatalogItem, Region
from search_engine.search import turns
from search_engine.search.asked import Asked
from search_engine.search.examples import Picture
from search_engine.search.given_vectors import unit_vector
from search_engine.search.query_cache import (
    EmbeddedQuery,
    QueryCache,
    QueryToken,
    mix_token,
    query_token,
)
from search_engine.search.regions import PROPOSE, propose, whole_photo
from search_engine.search.rerank.local_features import LocalFeatures, local_features, side_px
from search_engine.search.shared_tokens import resolved, shared_token
from search_engine.search.subject import Subject, mixed, no_colors, no_features


class Subjects:
    """Embeds subjects, and caches recent photos. Thread-safe."""

    def __init__(
        self, catalog: Catalog, decoder: Decoder, settings: Settings, pictures: ItemPictures
    ) -> None:
        self._catalog = catalog
        self._decoder = decoder
        self._limits = settings.catalog_limits()
        self._shares = settings.query_tokens == "shared"
        self._pictures = pictures
        self.queries = QueryCache()

    def of(
        self,
        live: LiveCollection,
        encoder: Encoder | ExternalEncoderError | None,
        asked: Sequence[Asked],
    ) -> list[Subject | EyedexError]:
        """The subjects of questions, in order, or why one is none; photos in one batch.

        Args:
            live: Where the items are.
            encoder: What sees photos and reads texts, or why nothing does; None where there are
                none.
            asked: What is asked with.
        """
        parts = iter(self._of_parts(live, encoder, [part for one in asked for part in one.parts]))
        found = [self._whole(live, one, [next(parts) for _ in one.parts]) for one in asked]
        return [self._shared(live, each) for each in found] if self._shares else found

    def _shared(
        self, live: LiveCollection, subject: Subject | EyedexError
    ) -> Subject | EyedexError:
        """The subject with a token that other servers understand, if it has one."""
        if isinstance(subject, EyedexError) or subject.token is None:
            return subject
        query = self.queries.get(QueryToken(subject.token))
        return replace(subject, token=shared_token(query, live.record)) if query else subject

    def _whole(
        self, live: LiveCollection, asked: Asked, parts: Sequence[Subject | EyedexError]
    ) -> Subject | EyedexError:
        """The subject of a question, from those of its parts."""
        if not asked.examples:
            return parts[0]
        try:
            return self._remember(live, mixed(asked, parts))
        except EyedexError as error:
            return error

    def _remember(self, live: LiveCollection, subject: Subject) -> Subject:
        """The mix with a token, unless tokens are of no use as embeddings are made elsewhere."""
        if subject.mix is None or is_external(live.record.encoder or ""):
            return subject
        fingerprint = live.record.fingerprint or ""
        token = mix_token(subject.mix, subject.keys, fingerprint)
        self.queries.keep(
            EmbeddedQuery(
                token, fingerprint, subject.vector, subject.warnings, subject.mix, subject.keys
            )
        )
        return replace(subject, token=token.text)

    def _of_parts(
        self,
        live: LiveCollection,
        encoder: Encoder | ExternalEncoderError | None,
        asked: Sequence[Asked],
    ) -> list[Subject | EyedexError]:
        asked = [self._by_own_token(live, one) for one in asked]
        photos: Iterator[Subject | EyedexError] = iter(())
        if isinstance(encoder, ExternalEncoderError):
            photos = repeat(encoder)
        elif encoder is not None:
            asked = [self._read_once(one) for one in asked]
            photos = (
                self._with_parts(encoder, *each)
                for each in zip(
                    self._photos(encoder, asked),
                    (one for one in asked if one.picture is not None),
                    strict=True,
                )
            )
        return [
            next(photos) if one.picture is not None else self._known(live, encoder, one)
            for one in asked
        ]

    def _by_own_token(self, live: LiveCollection, asked: Asked) -> Asked:
        """The question with the token by which its photo is remembered here."""
        if not isinstance(asked.picture, QueryToken):
            return asked
        return replace(asked, picture=resolved(self.queries, asked.picture, live.record))

    def _known(
        self, live: LiveCollection, encoder: Encoder | ExternalEncoderError | None, asked: Asked
    ) -> Subject | EyedexError:
        """The subject of a question without a photo."""
        try:
            if asked.text is not None:
                return _text(encoder, asked.text)
            if asked.vector is not None:
                vector = unit_vector(asked.vector, live.record.dimension)
                return Subject(vector, partial(no_features, "an embedding is not a picture"))
            return self._item(live, asked.item_id or "")
        except EyedexError as error:
            return error

    def _item(self, live: LiveCollection, item_id: str) -> Subject:
        item = self._catalog.get(live.record, item_id)
        vector = self._catalog.vector(live.record, item.key)
        return Subject(
            vector,
            partial(self._item_features, item),
            keys=(item.key,),
            colors=partial(self._item_colors, item),
            shape=partial(self._item_shape, item),
        )

    def _read_once(self, asked: Asked) -> Asked:
        """The question with the bytes of its photo, if that is looked at several times."""
        once = asked.regions is None and asked.turns is None
        if once or asked.picture is None or isinstance(asked.picture, QueryToken):
            return asked
        with suppress(EyedexError):  # said where it is read again
            return replace(asked, picture=picture_bytes(asked.picture, self._limits))
        return asked

    def _with_parts(
        self, encoder: Encoder, subject: Subject | EyedexError, asked: Asked
    ) -> Subject | EyedexError:
        """The subject with the regions or turns of its photo that are asked for."""
        if isinstance(subject, EyedexError):
            return subject
        if asked.turns is not None:
            return _turning(encoder, subject)
        if asked.regions == PROPOSE:
            return _proposing(encoder, subject)
        return subject if asked.regions is None else self._with_windows(encoder, subject, asked)

    def _with_windows(self, encoder: Encoder, subject: Subject, asked: Asked) -> Subject:
        parts = self._photos(encoder, [replace(asked, box=box, regions=None) for box in WINDOWS])
        seen = [
            (Region(box, box[2] * box[3]), part)
            for box, part in zip(WINDOWS, parts, strict=True)
            if isinstance(part, Subject)  # an empty part has no embedding
        ]
        if not seen:
            return replace(subject, regions=())
        times = {
            name: ms + sum(part.timings_ms[name] for _, part in seen)
            for name, ms in subject.timings_ms.items()
        }
        return replace(
            subject,
            regions=tuple(region for region, _ in seen),
            windows=np.concatenate([part.vector for _, part in seen]),
            timings_ms=times,
        )

    def _photos(self, encoder: Encoder, asked: Sequence[Asked]) -> list[Subject | EyedexError]:
        """The subjects of photos and tokens; those that nobody asked about are encoded at once."""
        fingerprint = encoder.spec.fingerprint
        photos = [self._photo(one, fingerprint) for one in asked if one.picture is not None]
        new = {
            photo.token: (photo.data, photo.box)
            for photo in photos
            if isinstance(photo, _Photo) and photo.query is None
        }
        batch = embed_pictures(self._decoder, encoder, list(new.values()))
        shares = {
            "decode": batch.decode_s * 1000 / max(1, len(new)),
            "encode": batch.encode_s * 1000 / max(1, len(new)),
        }
        made: dict[QueryToken, EmbeddedQuery | EyedexError] = {}
        for token, each in zip(new, batch.outcomes, strict=True):
            if isinstance(each, Embedded):
                query = EmbeddedQuery(
                    token,
                    fingerprint,
                    each.vector,
                    each.warnings,
                    picture_hash=each.picture_hash,
                    plain=each.plain,
                )
                self.queries.keep(query)
                made[token] = query
            else:
                made[token] = each
        return [
            photo if isinstance(photo, EyedexError) else self._subject(photo, made, shares)
            for photo in photos
        ]

    def _photo(self, asked: Asked, fingerprint: str) -> "_Photo | EyedexError":
        """A photo, and its embedding if that is known."""
        picture, box = asked.picture, asked.box
        try:
            if isinstance(picture, QueryToken):
                query = self._remembered(picture, box, fingerprint)
                return _Photo(picture, query=query)
            assert picture is not None
            data = picture_bytes(picture, self._limits)
            if isinstance(box, PixelBox):
                box = box.fractions(self._decoder.size(data))
        except EyedexError as error:
            return _named(error, picture)
        token = query_token(data, box, fingerprint)
        return _Photo(token, data, box, self.queries.get(token), picture)

    def _subject(
        self,
        photo: "_Photo",
        made: Mapping[QueryToken, EmbeddedQuery | EyedexError],
        shares: Mapping[str, float],
    ) -> Subject | EyedexError:
        query = photo.query or made[photo.token]
        if isinstance(query, EyedexError):
            return _named(query, photo.given)
        features: Callable[[], LocalFeatures] = partial(self._features, photo.data, photo.box)
        if not photo.data:
            features = partial(no_features, "a token keeps the embedding of its photo only")
        return Subject(
            query.vector,
            features,
            keys=query.keys,
            mix=query.mix,
            token=query.token.text,
            warnings=query.warnings,
            timings_ms=shares if photo.query is None else {"decode": 0.0, "encode": 0.0},
            look=partial(self._look, photo.data, photo.box) if photo.data else None,
            picture_hash=query.picture_hash,
            colors=partial(self._colors, photo.data, photo.box)
            if photo.data
            else partial(no_colors, "a token keeps the embedding of its photo only"),
            shape=partial(self._shape, photo.data, photo.box)
            if photo.data
            else partial(no_colors, "a token keeps the embedding of its photo only"),
            plain=query.plain,
        )

    def _remembered(
        self, token: QueryToken, box: Box | PixelBox | None, fingerprint: str
    ) -> EmbeddedQuery:
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

    def _look(self, data: bytes, box: Box | None, preprocessing: Preprocessing) -> DecodedImage:
        return self._decoder.decode(data, preprocessing, box)

    def _features(self, data: bytes, box: Box | None) -> LocalFeatures:
        return local_features(self._decoder.render(data, side_px(box), PICTURE_QUALITY), box)

    def _colors(self, data: bytes, box: Box | None) -> bytes:
        return self._decoder.colors(data, box=box).palette

    def _shape(self, data: bytes, box: Box | None) -> bytes:
        return self._decoder.colors(data, box=box).shape

    def _item_shape(self, item: CatalogItem) -> bytes:
        """The shape that is stored, else that of its picture."""
        known = self._catalog.ask(lambda connection: shape_of(connection, item.key))
        return known or self._shape(self._pictures.original(item), None)

    def _item_colors(self, item: CatalogItem) -> bytes:
        """The colours that are stored, else those of its picture."""
        known = self._catalog.palettes([item.key]).get(item.key)
        return known or self._colors(self._pictures.original(item), None)

    def _item_features(self, item: CatalogItem) -> LocalFeatures:
        return local_features(self._pictures.render(item, side_px(None), PICTURE_QUALITY))


@dataclass(frozen=True, slots=True)
class _Photo:
    """A photo that is asked about: its bytes, empty for a token; `query` where it is known."""

    token: QueryToken
    data: bytes = b""
    box: Box | None = None
    query: EmbeddedQuery | None = None
    given: Picture | None = None


def _proposing(encoder: Encoder, subject: Subject) -> Subject:
    assert subject.look is not None
    started = perf_counter()
    pixels = subject.look(whole_photo(encoder.spec.preprocessing)).views
    energy = np.linalg.norm(positions_of(encoder, pixels, "regions")[0], axis=-1)
    times = {**subject.timings_ms, "regions": (perf_counter() - started) * 1000}
    return replace(subject, regions=propose(energy), timings_ms=times)


def _turning(encoder: Encoder, subject: Subject) -> Subject:
    assert subject.look is not None
    started = perf_counter()
    vectors = turns.turned(encoder, subject.look(encoder.spec.preprocessing))
    times = {**subject.timings_ms, "turns": (perf_counter() - started) * 1000}
    return replace(subject, windows=vectors, cost=turns.COST, timings_ms=times)


def _text(encoder: Encoder | ExternalEncoderError | None, text: str) -> Subject:
    """A text as the encoder reads it.

    Raises:
        ExternalEncoderError: The collection's embeddings are made elsewhere.
        ParameterError: The encoder reads no texts, or none so long.
    """
    if isinstance(encoder, ExternalEncoderError):
        raise encoder
    assert encoder is not None
    started = perf_counter()
    vector = text_encoder(encoder, "text").encode_texts([text])
    times = {"decode": 0.0, "encode": (perf_counter() - started) * 1000}
    return Subject(vector, partial(no_features, "a text is not a picture"), timings_ms=times)


def _named(error: EyedexError, picture: Picture | None) -> EyedexError:
    """The error with the path of the picture, if it was given by one."""
    if isinstance(error, ImageError) and isinstance(picture, str | Path):
        error.where = str(picture)
    return error
