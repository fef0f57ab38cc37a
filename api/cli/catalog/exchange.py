"""Verbs that give embeddings to other programs and take theirs: export, import."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.catalog.run_report import print_imported
from api.cli.exits import Exit
from api.cli.options import (
    CollectionOption,
    DataOption,
    DownloadOption,
    FilterOption,
    JsonOption,
    open_engine,
    parsed_filter,
    settings_from,
)
from api.cli.recording import recorded, told
from api.cli.terminal.output import Notes, print_json
from api.cli.terminal.progress import resumable
from api.cli.terminal.wording import counted, duration, size

if TYPE_CHECKING:
    from indexer.exchange.declared import Declared
    from indexer.exchange.exporting import ExportReport

SHOWN_IDS = 5


def export(
    file: Annotated[
        Path, typer.Argument(help="A .parquet, or a .npy, which gets a .json beside it.")
    ],
    data: DataOption = None,
    collection: CollectionOption = "default",
    filter: FilterOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write embeddings with ids, labels and attributes, for other programs or `eyedex import`.

    Nothing is rounded: float32 holds what is stored. Pictures are not in it.
    """
    from indexer.exchange.exporting import count_selected, export_embeddings

    parsed = parsed_filter(filter)
    with open_engine(data) as engine:
        warnings = engine.filter_warnings(parsed, collection=collection)
        total = count_selected(engine.catalog, collection, parsed)
        with (
            recorded(
                engine.settings, collection, "export", file=file.name, filter=filter
            ) as running,
            told(running)("exporting", total) as advance,
        ):
            report = export_embeddings(
                engine.catalog, collection, file, filter=parsed, force=force, advance=advance
            )
            names = [one.name for one in report.files]
            running.result = {**report.summary(warnings), "files": names}
    _print_exported(report, warnings, as_json)
    if report.missing:
        raise typer.Exit(Exit.SOME_REJECTED)


def import_(
    file: Annotated[
        Path, typer.Argument(help="A .parquet, or a .npy with a .json of records beside it.")
    ],
    data: DataOption = None,
    collection: CollectionOption = "default",
    encoder: Annotated[
        str | None,
        typer.Option(
            help="By which the embeddings are, if the file does not say: external:NAME, with any "
            "name, for those made elsewhere.",
            metavar="NAME",
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Weights file of the encoder that the file names.")
    ] = None,
    download: DownloadOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, change no item.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Take in embeddings that were exported, or made elsewhere, as items of a collection.

    Safe to interrupt: run the same command again and it goes on. Refused rows are in
    rejects.jsonl in the data directory (rejects-NAME.jsonl for --collection NAME).
    """
    from indexer.exchange.files import open_embeddings
    from indexer.exchange.importing import ImportRequest, import_embeddings
    from search_engine.storage.paths import DataPaths

    settings = settings_from(data)
    opened = open_embeddings(file)
    request = ImportRequest(collection, encoder, weights, download, dry_run)
    with resumable("importing", len(opened)) as advance:
        report = import_embeddings(opened, request, settings, advance, _say_encoder)
    if as_json:
        print_json(report.summary())
    else:
        print_imported(report, DataPaths(settings.data).rejects(collection))
    if report.rejected:
        raise typer.Exit(Exit.SOME_REJECTED)


def _say_encoder(declared: "Declared") -> None:
    print(
        f"encoder {declared.name} ({declared.dimension}-d, {declared.fingerprint[:12]})",
        file=sys.stderr,
    )


def _print_exported(report: "ExportReport", warnings: Sequence[str], as_json: bool) -> None:
    encoder = report.encoder
    if as_json:
        print_json(report.summary(warnings))
    else:
        print(
            f"{' and '.join(one.name for one in report.files)}: "
            f"{counted(report.rows, 'embedding')} by {encoder.name} ({encoder.dimension}-d), "
            f"{size(report.size_bytes)}, {duration(report.seconds)}"
        )
        Notes().print(warnings)
    if report.missing:
        shown = ", ".join(report.missing[:SHOWN_IDS])
        print(
            f"left out, as there is no sound embedding: {counted(len(report.missing), 'item')}: "
            f"{shown}; `eyedex check` says more",
            file=sys.stderr,
        )
