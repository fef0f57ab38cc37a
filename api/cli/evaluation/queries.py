"""The labelled photos that an evaluation asks: read from a source, embedded as the catalog was."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.cli.terminal.progress import progress

if TYPE_CHECKING:
    from indexer.embed import EmbeddedRow
    from indexer.sources import Source
    from search_engine.engine import SearchEngine
    from search_engine.evaluate.task import Asked


@dataclass(frozen=True, slots=True)
class QuerySource:
    """Where queries come from, and how a table is read; see `indexer.sources.open_source`."""

    path: Path
    label_from: str | None
    id_column: str
    image_column: str
    encoding: str

    def open(self) -> "Source":
        """The source.

        Raises:
            SourceError: There is nothing usable.
        """
        from indexer.sources import SourceOptions, open_source

        return open_source(
            self.path,
            SourceOptions(
                self.label_from,
                {"item_id": self.id_column, "image": self.image_column},
                encoding=self.encoding,
            ),
        )


def ask(
    engine: "SearchEngine", collection: str, source: "Source", target: str, name: str
) -> "Asked":
    """Query photos, embedded; a photo that is in the gallery too gets its key there.

    Raises:
        ParameterError: The collection is empty.
    """
    import numpy as np

    from search_engine.catalog.fields import as_label
    from search_engine.collections.labelled import Labelled
    from search_engine.evaluate.photos import FilePhotos
    from search_engine.evaluate.task import Asked

    rows, rejected = _embedded(engine, collection, source)
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
    return Asked(queries, values, photos, name, rejected)


def _embedded(
    engine: "SearchEngine", collection: str, source: "Source"
) -> "tuple[list[EmbeddedRow], int]":
    from indexer.embed import EmbeddedRow, embed_source
    from search_engine.errors import ParameterError
    from search_engine.images.decode_pool import DecodePool

    encoder = engine.live(collection).encoder()
    if encoder is None:
        raise ParameterError(f"collection {collection!r} is empty", fix="index something first")
    settings = engine.settings
    rows: list[EmbeddedRow] = []
    rejected = 0
    with (
        DecodePool(settings.catalog_limits(), settings.workers) as decoder,
        progress("embedding", len(source)) as advance,
    ):
        for row in embed_source(source, encoder, decoder, settings.batch_size, settings.max_bytes):
            advance(1)
            if isinstance(row, EmbeddedRow):
                rows.append(row)
            else:
                rejected += 1
                name = row.item_id or f"line {row.line}"
                print(f"rejected: {row.code}: {name}: {row.reason}", file=sys.stderr)
    return rows, rejected


def _target_value(row: "EmbeddedRow", target: str) -> Any:
    if target in ("label", "product_id"):
        return getattr(row.row, target)
    return row.row.attributes.get(target)
