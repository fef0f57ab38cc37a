"""What candidates learned from a collection start from: its plain encoder and its items."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from indexer.change.candidate import Candidate, indexed
from indexer.change.embedding import Embedded, embed
from indexer.change.request import ChangeRequest, Stage
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.collections.encoders import PROJECTION, encoder_request, projection_of
from search_engine.collections.labelled import Labelled, read_gallery, take
from search_engine.encoders.base import Encoder
from search_engine.encoders.poolings import MULTI
from search_engine.encoders.projection import ProjectedEncoder
from search_engine.encoders.registry import create_encoder
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.evaluate.splits import labelled_rows
from search_engine.records import Codes

LEAST_ITEMS = 50
"""Labelled items needed, at least, to learn from or to compare on."""
POOLING = "pooling"


def plain_encoder(engine: SearchEngine, collection: str) -> Candidate:
    """Return the encoder of a collection as it was before any tuning.

    Raises:
        ParameterError: Nothing is indexed.
        EncoderError: It can no longer be loaded.
    """
    record = indexed(engine, collection)
    encoder = engine.live(collection).encoder()
    assert encoder is not None
    options = {name: str(value) for name, value in record.encoder_options.items()}
    if not isinstance(encoder, ProjectedEncoder):
        return Candidate(encoder, options)
    before = encoder.projection.origin.came_with
    if options == {**before, PROJECTION: encoder.projection.sha256}:
        return Candidate(encoder.base, before)
    return _made(engine, collection, before)


def plain_options(catalog: Catalog, record: Collection) -> dict[str, str]:
    """Return the options of a collection's encoder as it was before any tuning."""
    projection = projection_of(catalog, record.encoder_options)
    if projection is not None:
        return dict(projection.origin.came_with)
    return {name: str(value) for name, value in record.encoder_options.items()}


def _made(engine: SearchEngine, collection: str, options: Mapping[str, str]) -> Candidate:
    record = replace(engine.catalog.collection(collection), encoder_options=dict(options))
    encoder = create_encoder(encoder_request(record, engine.settings, engine.catalog))
    return Candidate(encoder, options)


@dataclass(frozen=True)
class Preparation:
    """A collection to learn from, and how to load its encoder."""

    engine: SearchEngine
    collection: str
    request: ChangeRequest
    stage: Stage

    @cached_property
    def plain(self) -> Candidate:
        """The encoder before any tuning: the one to learn behind and to compare with."""
        return plain_encoder(self.engine, self.collection)

    def with_layers(self) -> Candidate | None:
        """Return the plain encoder with features of several layers; None if it cannot have more."""
        if self.plain.options.get(POOLING, "").startswith(MULTI):
            return None
        try:
            return _made(self.engine, self.collection, {**self.plain.options, POOLING: MULTI})
        except ParameterError:
            return None

    def gallery(self, encoder: Encoder) -> Labelled:
        """Read the items with their embeddings by an encoder, by key, making missing ones first."""
        spec, catalog = encoder.spec, self.engine.catalog
        record = catalog.collection(self.collection)
        lacking = len(catalog.keys_without(record, spec.fingerprint))
        if lacking:
            with (
                catalog.indexing(self.collection, "tuning it"),
                self.stage("encoding", lacking) as advance,
            ):
                embed(self.engine, record, encoder, Embedded(), advance)
        return self.stored(replace(record, fingerprint=spec.fingerprint, dimension=spec.dimension))

    def stored(self, record: Collection) -> Labelled:
        """Read the items with the embeddings that they have by the encoder of a record, by key."""
        catalog, request = self.engine.catalog, self.request
        return read_gallery(
            catalog, self.collection, request.target, record, request.group_by, single=True
        )


def labelled_only(gallery: Labelled) -> tuple[Labelled, Codes, int]:
    """Select the items of a gallery that have a label.

    Returns:
        The items, the class of each (N,), and the number of classes.
    """
    labelled = take(gallery, labelled_rows(gallery))
    classes, codes = np.unique([label or "" for label in labelled.labels], return_inverse=True)
    return labelled, codes, len(classes)
