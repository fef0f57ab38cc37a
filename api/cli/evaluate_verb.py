"""The verb that measures."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.exits import Exit
from api.cli.options import (
    CollectionOption,
    DataOption,
    JsonOption,
    NeighborsOption,
    TargetOption,
    open_engine,
)
from api.cli.output import print_json, print_table
from api.cli.progress import progress

if TYPE_CHECKING:
    from indexer.embed import EmbeddedRow
    from indexer.sources import Source
    from search_engine.engine import SearchEngine
    from search_engine.gallery import Labelled


def evaluate(
    queries: Annotated[
        Path | None,
        typer.Argument(help="Labelled folder or CSV; without it each item is held out in turn."),
    ] = None,
    data: DataOption = None,
    collection: CollectionOption = "default",
    k: NeighborsOption = 10,
    target: TargetOption = "label",
    label_from: Annotated[
        str | None, typer.Option(help="parent (folders), or a CSV column.", metavar="parent|COLUMN")
    ] = None,
    id_col: Annotated[str, typer.Option(help="CSV column of the item's id.")] = "item_id",
    image_col: Annotated[str, typer.Option(help="CSV column of the picture's path.")] = "image",
    encoding: Annotated[str, typer.Option(help="Encoding of the CSV file.")] = "utf-8",
    as_json: JsonOption = False,
) -> None:
    """How good search and vote are, measured on labelled photos."""
    from indexer.sources import open_source
    from search_engine.evaluation.evaluate import evaluate as measure
    from search_engine.gallery import read_gallery

    with open_engine(data) as engine:
        gallery = read_gallery(engine, collection, target)
        asked, rejected = gallery, 0
        if queries is not None:
            source = open_source(queries, label_from, id_col, image_col, encoding)
            asked, rejected = _embedded(engine, collection, source, target)
        measures = {**measure(asked, gallery, k), "rejected": rejected, "target": target}
    if as_json:
        print_json(measures)
    else:
        print_table(("measure", "value"), _flat(measures))
    if rejected:
        raise typer.Exit(Exit.SOME_REJECTED)


def _embedded(
    engine: "SearchEngine", collection: str, source: "Source", target: str
) -> "tuple[Labelled, int]":
    """Query photos, embedded; a photo that is in the gallery too gets its key there."""
    import numpy as np

    from indexer.embed import EmbeddedRow, embed_source
    from search_engine.decoding import DecodePool
    from search_engine.errors import ParameterError
    from search_engine.gallery import Labelled

    live = engine.live(collection)
    encoder = live.encoder()
    if encoder is None:
        raise ParameterError(f"collection {collection!r} is empty", fix="index something first")
    settings = engine.settings
    known = engine.catalog.keys_by_hash(live.record)
    rows: list[EmbeddedRow] = []
    rejected = 0
    with (
        DecodePool(settings.catalog_limits(), settings.workers) as decoder,
        progress("evaluating", len(source)) as advance,
    ):
        for row in embed_source(source, encoder, decoder, settings.batch_size, settings.max_bytes):
            advance(1)
            if isinstance(row, EmbeddedRow):
                rows.append(row)
            else:
                rejected += 1
                print(f"rejected: {row.code}: {row.item_id}: {row.reason}", file=sys.stderr)
    vectors = [np.empty((0, encoder.spec.dimension), np.float32), *(row.vector for row in rows)]
    keys = [known.get(row.content_hash, -1) for row in rows]
    labels = [_target_value(row, target) for row in rows]
    asked = Labelled(
        np.concatenate(vectors),
        labels,
        np.array(keys, dtype=np.int64),
        [row.row.product_id for row in rows],
        [row.row.item_id for row in rows],
    )
    return asked, rejected


def _target_value(row: "EmbeddedRow", target: str) -> str | None:
    from search_engine.voting import as_label

    named = target in ("label", "product_id")
    return as_label(getattr(row.row, target) if named else row.row.attributes.get(target))


def _flat(measures: dict[str, Any]) -> Iterator[tuple[str, object]]:
    for name, value in measures.items():
        if isinstance(value, dict):
            yield from ((f"{name} {level}", one) for level, one in value.items())
        else:
            yield name, value
