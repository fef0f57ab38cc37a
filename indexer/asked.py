"""The labelled photos that an evaluation asks: read from a source, embedded as the catalog was."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexer.change.request import Stage
from indexer.declared import Evaluating
from indexer.embed import EmbeddedRow, embed_source
from indexer.sources import Reject, Source, SourceOptions, open_source
from search_engine.catalog.fields import as_label
from search_engine.collections.labelled import Labelled
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.evaluate.photos import FilePhotos
from search_engine.evaluate.task import Asked, Options
from search_engine.images.decode_pool import DecodePool

OnReject = Callable[[Reject], None]


@dataclass(frozen=True, slots=True)
class Queries:
    """Labelled photos, not embedded yet, and what they are called."""

    source: Source
    name: str

    def ask(
        self,
        engine: SearchEngine,
        collection: str,
        target: str,
        stage: Stage,
        on_reject: OnReject,
    ) -> Asked:
        """The photos, embedded; one that is in the gallery too gets its key there.

        Raises:
            ParameterError: The collection is empty.
        """
        rows, rejected = _embedded(engine, collection, self.source, stage, on_reject)
        known = engine.catalog.keys_by_hash(engine.catalog.collection(collection))
        values = [_target_value(row, target) for row in rows]
        dimension = engine.catalog.collection(collection).dimension or 0
        vectors = [np.empty((0, dimension), np.float32), *(row.vector for row in rows)]
        queries = Labelled(
            np.concatenate(vectors),
            [as_label(value) for value in values],
            np.array([known.get(row.content_hash, -1) for row in rows], dtype=np.int64),
            [row.row.product_id for row in rows],
            [row.row.item_id for row in rows],
        )
        photos = FilePhotos(engine, [row.row.file for row in rows])
        return Asked(queries, values, photos, self.name, rejected)


def evaluation_options(wanted: Evaluating, collection: str, **own: Any) -> Options:
    """The evaluation that is asked for; `own` are further fields of its options."""
    return Options(
        collection,
        wanted.target,
        wanted.k,
        wanted.vote_k,
        seed=wanted.seed,
        sample=wanted.sample,
        folds=wanted.folds,
        group_by=wanted.group_by,
        separator=wanted.separator,
        classifiers=wanted.classifiers,
        **own,
    )


def open_queries(path: Path | None, reading: SourceOptions) -> Queries | None:
    """The photos in a folder or table, if one is named; see `indexer.sources.open_source`.

    Raises:
        SourceError: There is nothing usable.
    """
    return None if path is None else Queries(open_source(path, reading), path.name)


def _embedded(
    engine: SearchEngine, collection: str, source: Source, stage: Stage, on_reject: OnReject
) -> tuple[list[EmbeddedRow], int]:
    encoder = engine.live(collection).encoder()
    if encoder is None:
        raise ParameterError(f"collection {collection!r} is empty", fix="index something first")
    settings = engine.settings
    rows: list[EmbeddedRow] = []
    rejected = 0
    with (
        DecodePool(settings.catalog_limits(), settings.workers) as decoder,
        stage("embedding", len(source)) as advance,
    ):
        for row in embed_source(
            source, encoder, decoder, settings.batch_size, settings.catalog_max_bytes
        ):
            advance(1)
            if isinstance(row, EmbeddedRow):
                rows.append(row)
            else:
                rejected += 1
                on_reject(row)
    return rows, rejected


def _target_value(row: EmbeddedRow, target: str) -> Any:
    if target in ("label", "product_id"):
        return getattr(row.row, target)
    return row.row.attributes.get(target)
