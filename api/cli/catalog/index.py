"""The verb that brings a collection to the state of a catalog."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.exits import Exit
from api.cli.flags import with_flags
from api.cli.options import (
    CollectionOption,
    DataOption,
    JsonOption,
    Loading,
    MilvusOption,
    at_milvus,
    encoder_named,
    settings_from,
)
from api.cli.sources import with_source_flags
from indexer.declared import Indexing


@dataclass(frozen=True)
class Here(Loading):
    """What is not for jobs of a server either."""

    milvus_uri: MilvusOption = None
    allow_urls: Annotated[
        bool,
        typer.Option(
            "--allow-urls",
            help="Fetch pictures from the addresses in a table, from public hosts only.",
        ),
    ] = False
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and index again whenever the source changes.")
    ] = False
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Pictures encoded and committed at once.", metavar="N"),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Decoding processes [default: cores].", metavar="N"),
    ] = None
    ray_address: Annotated[
        str | None,
        typer.Option(
            "--ray-address",
            help="Cluster of Ray for --executor ray: auto, or HOST:PORT.",
            metavar="ADDRESS",
        ),
    ] = None
    ray_folder: Annotated[
        Path | None,
        typer.Option(
            "--ray-folder",
            help="Folder that all machines of it share [default: one in the data directory].",
            metavar="DIR",
        ),
    ] = None


@with_source_flags()
@with_flags(wanted=Indexing, here=Here)
def index(
    source: Annotated[Path, typer.Argument(help="A folder of pictures, a table, or an archive.")],
    data: DataOption = None,
    collection: CollectionOption = "default",
    *,
    wanted: Indexing,
    reading: Any,
    here: Here,
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
    from indexer.opened_source import index_request

    settings = settings_from(
        data,
        runtime=here.runtime,
        batch_size=here.batch_size,
        workers=here.workers,
        allow_urls="*" if here.allow_urls else None,
        ray_address=here.ray_address,
        ray_folder=here.ray_folder,
    )
    request = index_request(
        wanted,
        collection,
        name_of(source, None),
        reading,
        encoder=encoder_named(wanted.encoder, here.quality),
        index_factory=at_milvus(wanted.index, here.milvus_uri),
        weights=here.weights,
        download=here.download,
    )
    run = IndexingRun(source, request, settings, as_json)
    if here.watch:
        run.watch()
    elif run.once().rejected:
        raise typer.Exit(Exit.SOME_REJECTED)
