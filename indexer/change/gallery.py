"""What a candidate can learn from: the labelled items of a collection, with their embeddings."""

from dataclasses import replace

import numpy as np

from indexer.change.embedding import Embedded, embed
from indexer.change.request import Stage
from search_engine.collections.labelled import Labelled, read_gallery
from search_engine.encoders.base import Encoder
from search_engine.engine import SearchEngine
from search_engine.evaluate.splits import labelled_rows, take
from search_engine.records import Codes


def whole_gallery(
    engine: SearchEngine, collection: str, target: str, encoder: Encoder, stage: Stage
) -> Labelled:
    """Items that have an embedding by an encoder, by key; those that are missing are made first."""
    spec = encoder.spec
    record = engine.catalog.collection(collection)
    lacking = len(engine.catalog.keys_without(record, spec.fingerprint))
    if lacking:
        with (
            engine.catalog.indexing(collection, "tuning it"),
            stage("encoding", lacking) as advance,
        ):
            embed(engine, record, encoder, Embedded(), advance)
    plain = replace(record, fingerprint=spec.fingerprint, dimension=spec.dimension)
    return read_gallery(engine.catalog, collection, target, plain)


def labelled_only(gallery: Labelled) -> tuple[Labelled, Codes, int]:
    """The items of a gallery that have a label.

    Returns:
        The items, the class of each (N,), and the number of classes.
    """
    labelled = take(gallery, labelled_rows(gallery))
    classes, codes = np.unique([label or "" for label in labelled.labels], return_inverse=True)
    return labelled, codes, len(classes)
