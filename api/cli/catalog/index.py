"""The verb that brings a collection to the state of a catalog."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from api.cli.exits import Exit
from api.cli.options import (
    CollectionOption,
    DataOption,
    IndexOption,
    JsonOption,
    MilvusOption,
    QualityOption,
    RuntimeOption,
    at_milvus,
    encoder_named,
    settings_from,
)
from api.cli.sources import with_source_flags


@with_source_flags()
def index(
    source: Annotated[Path, typer.Argument(help="A folder of pictures, a table, or an archive.")],
    data: DataOption = None,
    collection: CollectionOption = "default",
    encoder: Annotated[
        str | None,
        typer.Option(help="Encoder of a new collection (`eyedex encoders`).", metavar="NAME"),
    ] = None,
    quality: QualityOption = None,
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
    reading: Any = None,
    index_factory: IndexOption = None,
    milvus_uri: MilvusOption = None,
    source_name: Annotated[
        str | None,
        typer.Option(
            "--source",
            help="Name of the source, where its file has another name each time [default: path].",
            metavar="NAME",
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Remove from items whatever the source does not say."),
    ] = False,
    allow_urls: Annotated[
        bool,
        typer.Option(
            "--allow-urls",
            help="Fetch pictures from the addresses in a table, from public hosts only.",
        ),
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove items that the source no longer has.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Let --prune remove more than a fifth of the items.")
    ] = False,
    max_errors: Annotated[
        int | None,
        typer.Option(min=0, help="Stop when more rows than that are rejected.", metavar="N"),
    ] = None,
    tune: Annotated[
        bool,
        typer.Option(
            "--tune/--no-tune",
            help="Let a new collection learn from its labels once it has enough of them.",
        ),
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, but do nothing.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and index again whenever the source changes.")
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

    A new collection with enough labels learns from them at the end, if that proves better on
    products (or scenes) that it did not learn from; `eyedex tune --undo` goes back.

    Safe to interrupt: run the same command again and it goes on. Refused rows are in
    rejects.jsonl in the data directory (rejects-NAME.jsonl for --collection NAME).
    """
    from api.cli.catalog.indexing import IndexingRun
    from indexer.covered import name_of
    from indexer.run import IndexRequest

    settings = settings_from(
        data,
        runtime=runtime,
        batch_size=batch_size,
        workers=workers,
        allow_urls="*" if allow_urls else None,
    )
    request = IndexRequest(
        collection=collection,
        encoder=encoder_named(encoder, quality),
        weights=weights,
        pooling=pooling,
        index_factory=at_milvus(index_factory, milvus_uri),
        download=download,
        source=name_of(source, source_name),
        reading=reading,
        replace=replace,
        prune=prune,
        prune_many=yes,
        max_errors=max_errors,
        dry_run=dry_run,
        tune=tune,
    )
    run = IndexingRun(source, request, settings, as_json)
    if watch:
        run.watch()
    elif run.once().rejected:
        raise typer.Exit(Exit.SOME_REJECTED)
