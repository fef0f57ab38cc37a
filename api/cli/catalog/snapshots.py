"""Verbs that save and bring back a whole data directory: snapshot, restore."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import DataOption, JsonOption, settings_from
from api.cli.terminal.output import print_json
from api.cli.terminal.wording import counted, duration, size


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

    made = make_snapshot(settings_from(data), file, force)
    if as_json:
        print_json(
            {
                "file": str(made.file),
                "size_bytes": made.size_bytes,
                "collections": made.collections,
                "items": made.items,
                "generations": made.generations,
                "calibrations": made.calibrations,
                "classifiers": made.classifiers,
                "seq": made.seq,
                "seconds": round(made.seconds, 3),
            }
        )
    else:
        print(
            f"{file}: {size(made.size_bytes)}, {_counts(made.collections, made.items)}, "
            f"{duration(made.seconds)}"
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
