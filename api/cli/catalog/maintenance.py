"""Verbs of a whole data directory: check, snapshot, restore."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.exits import Exit
from api.cli.options import DataOption, JsonOption, settings_from
from api.cli.recording import recorded
from api.cli.terminal.output import print_json, print_table
from api.cli.terminal.wording import counted, duration, size

if TYPE_CHECKING:
    from search_engine.storage.paths import DataPaths


def snapshot(
    file: Annotated[Path, typer.Argument(help="The file to write, such as eyedex.tar.")],
    data: DataOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Save everything that is stored into one file, while others go on using it.

    Pictures that items refer to by path are not in it.
    """
    from search_engine.maintenance.snapshot import make_snapshot
    from search_engine.storage.paths import DEFAULT_COLLECTION

    settings = settings_from(data)
    with (
        recorded(settings, DEFAULT_COLLECTION, "snapshot", file=file.name) as running,
        running.stage("saving", 1),
    ):
        made = make_snapshot(settings, file, force)
        running.result = {**made.summary(), "file": file.name}
    if as_json:
        print_json(made.summary())
    else:
        print(
            f"{file}: {size(made.size_bytes)}, {_counts(made.collections, made.items)}, "
            f"{duration(made.seconds)}"
        )


def publish(
    url: Annotated[
        str, typer.Argument(help="A folder of its own, as s3://BUCKET/PREFIX or file:///PATH.")
    ],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put everything that is stored where servers with --follow take it over.

    Only what is not there yet is sent. With EYEDEX_PUBLISH_KEY it is signed, and followers that
    have the key take the indexes too, where others build their own.
    """
    from search_engine.maintenance.publish import publish as publish_to

    settings = settings_from(data)
    made = publish_to(settings, url)
    if as_json:
        print_json(made.summary())
    else:
        signed = "" if made.signed else " (not signed: followers build their own indexes)"
        print(
            f"{made.url}: {_counts(made.collections, made.items)}, {size(made.size_bytes)}, "
            f"{size(made.sent_bytes)} of it sent, {duration(made.seconds)}{signed}"
        )


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `eyedex snapshot` wrote.")],
    data: DataOption = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace the catalog that is here; it is kept beside."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring back what a snapshot holds, all of it or nothing.

    No server may have the data directory open.
    """
    from search_engine.maintenance.restore import restore_snapshot

    done = restore_snapshot(settings_from(data), file, replace)
    if as_json:
        print_json(
            {
                "data": str(done.data),
                "file": str(file),
                "size_bytes": done.size_bytes,
                "collections": done.collections,
                "items": done.items,
                "seq": done.seq,
                "seconds": round(done.seconds, 3),
                "kept": str(done.kept) if done.kept else None,
            }
        )
    else:
        kept = f"; what was here is in {done.kept}" if done.kept else ""
        print(
            f"{done.data}: from {file}, {size(done.size_bytes)}, "
            f"{_counts(done.collections, done.items)}, {duration(done.seconds)}{kept}"
        )


def _counts(collections: int, items: int) -> str:
    return f"{counted(collections, 'collection')}, {counted(items, 'item')}"


def check(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Verify everything on disk: database, embeddings, index files, and that they agree."""
    from search_engine.maintenance.check import check_data, is_sqlite_note
    from search_engine.storage.paths import DataPaths

    settings = settings_from(data)
    report = check_data(settings)
    if as_json:
        print_json(
            {
                "sound": report.sound,
                "findings": [one.facts() for one in report.findings],
                "collections": list(report.collections),
                "versions": report.versions,
                "settings": settings.model_dump(mode="json"),
            }
        )
    else:
        _print_checked(report.collections)
        for finding in report.findings:
            if is_sqlite_note(finding) and _told_before(DataPaths(settings.data), finding.where):
                continue
            print(f"{finding.level}: {finding.where}: {finding.what}")
        print("sound" if report.sound else "NOT SOUND")
    if not report.sound:
        raise typer.Exit(Exit.STORAGE)


def _told_before(paths: "DataPaths", where: str) -> bool:
    """Whether an earlier check of the directory told of this version; notes it where it can."""
    with suppress(OSError):
        if paths.told.exists() and where in paths.told.read_text(encoding="utf-8").splitlines():
            return True
        with paths.told.open("a", encoding="utf-8") as file:
            paths.told.chmod(0o600)
            file.write(f"{where}\n")
    return False


def _print_checked(collections: Sequence[Mapping[str, Any]]) -> None:
    """The facts that fit a terminal of 80 columns; `--json` has all."""
    shown = {
        "name": "name",
        "items": "items",
        "generation": "generation",
        "index": "index",
        "recall": "index_recall@10",
        "pending": "pending",
        "digest": "digest",
    }
    rows = [[fact[name] for name in shown.values()] for fact in collections]
    print_table(tuple(shown), [[*row[:-1], str(row[-1])[:12]] for row in rows])
