"""Verbs that ask: search, classify, evaluate."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.exits import Exit
from api.cli.options import (
    CollectionOption,
    DataOption,
    FilterOption,
    JsonOption,
    NeighborsOption,
    settings_from,
)
from api.cli.output import (
    print_facets,
    print_json,
    print_neighbors,
    print_prediction,
    print_table,
)
from api.cli.progress import progress
from api.schemas import facets_json, result_json

if TYPE_CHECKING:
    from indexer.embed import EmbeddedRow
    from indexer.sources import Source
    from search_engine.engine import SearchEngine
    from search_engine.evaluation.evaluate import Labelled
    from search_engine.filters import Filter

TargetOption = Annotated[
    str, typer.Option("--target", help="label, product_id or an attribute.", metavar="FIELD")
]


def search(
    image: Annotated[Path, typer.Argument(help="The photo to search with.")],
    data: DataOption = None,
    collection: CollectionOption = "default",
    k: NeighborsOption = 10,
    filter: FilterOption = None,
    box: Annotated[
        str | None,
        typer.Option(help="Region of the photo, as fractions of its sides.", metavar="X,Y,W,H"),
    ] = None,
    group_by: Annotated[
        str | None, typer.Option(help="One neighbor for each value of this field.", metavar="FIELD")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(help="Leave out neighbors below this cosine.")
    ] = None,
    facets: Annotated[
        str | None,
        typer.Option(
            help="Count the items that fulfil the filter by their values of these fields.",
            metavar="FIELD,FIELD",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The catalog items that look most like a photo."""
    names = [name.strip() for name in facets.split(",")] if facets else []
    parsed = _parsed(filter)
    with _open(data) as engine:
        counted = engine.facets(names, filter=parsed, collection=collection) if names else {}
        result = engine.search(
            image,
            k=k,
            filter=parsed,
            box=box,
            group_by=group_by,
            min_score=min_score,
            collection=collection,
        )
    if as_json:
        extra = {"facets": facets_json(counted)} if counted else {}
        print_json({**result_json(result), **extra})
        return
    print_neighbors(result.neighbors)
    print_facets(counted)
    for warning in result.warnings:
        print(f"note: {warning}", file=sys.stderr)


def classify(
    paths: Annotated[list[Path], typer.Argument(help="Photos, or folders of them.")],
    data: DataOption = None,
    collection: CollectionOption = "default",
    k: NeighborsOption = 10,
    target: TargetOption = "label",
    filter: FilterOption = None,
    as_json: JsonOption = False,
) -> None:
    """A class for each photo, by the vote of its nearest neighbors."""
    from search_engine.errors import ImageError

    rejected = 0
    parsed = _parsed(filter)
    with _open(data) as engine:
        for path in _files(paths):
            try:
                result = engine.classify(
                    path, k=k, target=target, filter=parsed, collection=collection
                )
            except ImageError as error:
                rejected += 1
                line = {"path": str(path), "error": {"code": error.code, "reason": error.what}}
                if as_json:
                    print_json(line)
                print(f"error: {error.code}: {error.what} ({path})", file=sys.stderr)
                continue
            if as_json:
                print_json({"path": str(path), **result_json(result)})
            elif result.prediction is not None:
                print(f"{path}: ", end="")
                print_prediction(result.prediction)
    if rejected:
        raise typer.Exit(Exit.SOME_REJECTED)


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

    with _open(data) as engine:
        gallery = _gallery(engine, collection, target)
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


def _open(data: Path | None) -> "SearchEngine":
    from search_engine.engine import SearchEngine

    return SearchEngine(settings=settings_from(data))


def _parsed(line: str | None) -> "Filter | None":
    """The `--filter` option: a line such as `price < 30`, or JSON."""
    from search_engine.filter_text import parse_filter_text

    return parse_filter_text(line) if line is not None else None


def _files(paths: list[Path]) -> Iterator[Path]:
    from indexer.sources import FolderSource, SourceRow

    for path in paths:
        if path.is_dir():
            yield from (
                row.image for row in FolderSource(path).rows() if isinstance(row, SourceRow)
            )
        else:
            yield path


def _gallery(engine: "SearchEngine", collection: str, target: str) -> "Labelled":
    """The whole collection as the catalog has it."""
    import numpy as np

    from search_engine.evaluation.evaluate import Labelled
    from search_engine.voting import value_of

    record = engine.catalog.collection(collection)
    changes = engine.catalog.changes_since(record, -1)
    items = engine.catalog.by_keys(changes.keys.tolist())
    labels = [value_of(items[key], target) for key in changes.keys.tolist()]
    return Labelled(changes.vectors.astype(np.float32), labels, changes.keys)


def _embedded(
    engine: "SearchEngine", collection: str, source: "Source", target: str
) -> "tuple[Labelled, int]":
    """Query photos, embedded; a photo that is in the gallery too gets its key there."""
    import numpy as np

    from indexer.embed import EmbeddedRow, embed_source
    from search_engine.decoding import DecodePool
    from search_engine.errors import ParameterError
    from search_engine.evaluation.evaluate import Labelled

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
    return Labelled(np.concatenate(vectors), labels, np.array(keys, dtype=np.int64)), rejected


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
