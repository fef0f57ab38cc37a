"""The verb that brings a collection to the state of a catalog."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.cli.catalog.run_report import print_indexed
from api.cli.exits import Exit
from api.cli.options import (
    CollectionOption,
    DataOption,
    IndexOption,
    JsonOption,
    RuntimeOption,
    settings_from,
)
from api.cli.terminal.output import print_json
from api.cli.terminal.progress import resumable

if TYPE_CHECKING:
    from search_engine.encoders.base import Encoder


def index(
    source: Annotated[Path, typer.Argument(help="A folder of pictures, or a CSV file.")],
    data: DataOption = None,
    collection: CollectionOption = "default",
    encoder: Annotated[
        str | None,
        typer.Option(help="Encoder of a new collection (`eyedex encoders`).", metavar="NAME"),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Weights file instead of the published weights.", metavar="FILE"),
    ] = None,
    pooling: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[+mirror]",
            help="How feature maps become one vector: avg, gem, max, multi and others.",
        ),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch published weights that are not here.")
    ] = False,
    runtime: RuntimeOption = None,
    label_from: Annotated[
        str | None,
        typer.Option(
            help="Where labels come from: parent (the sub-folder), or a CSV column.",
            metavar="parent|COLUMN",
        ),
    ] = None,
    id_col: Annotated[
        str, typer.Option(help="CSV column of the item's id.", metavar="COLUMN")
    ] = "item_id",
    image_col: Annotated[
        str, typer.Option(help="CSV column of the picture's path.", metavar="COLUMN")
    ] = "image",
    encoding: Annotated[
        str, typer.Option(help="Encoding of the CSV file.", metavar="NAME")
    ] = "utf-8",
    index_factory: IndexOption = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove items that the source no longer has.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, but do nothing.")
    ] = False,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Pictures encoded and committed at once.", metavar="N"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Decoding processes [default: cores].", metavar="N"),
    ] = None,
    executor: Annotated[Literal["local"], typer.Option(help="Where the work is done.")] = "local",
    as_json: JsonOption = False,
) -> None:
    """Bring a collection to the state of a catalog; only what changed is embedded.

    Safe to interrupt: run the same command again and it goes on. Refused rows are in
    rejects.jsonl in the data directory (rejects-NAME.jsonl for --collection NAME).
    """
    from indexer.run import IndexRequest, index_source
    from indexer.sources import SourceOptions, open_source
    from search_engine.storage.paths import DataPaths

    settings = settings_from(data, runtime=runtime, batch_size=batch_size, workers=workers)
    rows = open_source(
        source,
        SourceOptions(label_from, {"item_id": id_col, "image": image_col}, encoding=encoding),
    )
    request = IndexRequest(
        collection=collection,
        encoder=encoder,
        weights=weights,
        pooling=pooling,
        index_factory=index_factory,
        download=download,
        prune=prune,
        dry_run=dry_run,
    )
    paths = DataPaths(settings.data)
    if not dry_run and not paths.encoders.exists():
        print("preparing the encoder; the first time takes some seconds", file=sys.stderr)
    with resumable("indexing", len(rows)) as advance:
        report = index_source(rows, request, settings, advance, _say_encoder)
    if as_json:
        print_json(report.summary())
    else:
        print_indexed(report, paths.rejects(collection))
    if not len(rows):
        print(f"note: there is nothing to index in {rows.description}", file=sys.stderr)
    if report.rejected:
        raise typer.Exit(Exit.SOME_REJECTED)


def _say_encoder(encoder: "Encoder") -> None:
    spec = encoder.spec
    print(
        f"encoder {spec.name} ({spec.dimension}-d, {spec.fingerprint[:12]}), {encoder.runtime}",
        file=sys.stderr,
    )
