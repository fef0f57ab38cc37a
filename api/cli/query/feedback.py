"""The verbs `eyedex feedback ...`: what people did with results, read from files and listed."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from api.cli.exits import Exit
from api.cli.options import CollectionOption, DataOption, JsonOption, open_engine
from api.cli.terminal.output import print_json, print_table
from api.cli.terminal.wording import counted

SHOWN_REASONS = 5

feedback = typer.Typer(
    help="Store what people did with results.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

SessionOption = Annotated[
    str | None, typer.Option("--session", help="Only events of this session.", metavar="SESSION")
]


@feedback.command("import")
def import_events(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV, JSON lines, Parquet or XLSX with the columns event (shown, clicked, liked, "
            "disliked or bought), item_id, query_item_id (or query_vector), and what is known of "
            "position, session, at and id."
        ),
    ],
    data: DataOption = None,
    collection: CollectionOption = "default",
    as_json: JsonOption = False,
) -> None:
    """Store the events of a file. The same file adds nothing when it is imported again."""
    from indexer.feedback.files import import_feedback

    with open_engine(data) as engine:
        report = import_feedback(engine, collection, file)
    if as_json:
        print_json(report.summary())
    else:
        print(f"{counted(report.stored, 'event')} stored, {report.known:,} known before")
    for line, reason in report.refused[:SHOWN_REASONS]:
        print(f"line {line}: {reason}", file=sys.stderr)
    if report.refused:
        print(f"{counted(len(report.refused), 'event')} refused", file=sys.stderr)
        raise typer.Exit(Exit.SOME_REJECTED)


@feedback.command("list")
def list_events(
    data: DataOption = None,
    collection: CollectionOption = "default",
    session: SessionOption = None,
    limit: Annotated[int, typer.Option(min=1, help="Show so many, the first ones.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List stored events in the order in which they were stored."""
    from api.schemas.feedback import event_json

    with open_engine(data) as engine:
        total = engine.feedback.count(session, collection=collection)
        found = engine.feedback.page(0, limit, session, collection=collection)
    events = [event_json(each) for each in found]
    if as_json:
        print_json({"events": events, "total": total})
        return
    columns = ("at", "session", "query_item_id", "event", "item_id", "position")
    if events:
        rows: list[dict[str, object]] = [{**each} for each in events]
        print_table(columns, [[row[name] for name in columns] for row in rows])
    print(counted(total, "event"))


@feedback.command("export")
def export_events(
    file: Annotated[Path, typer.Argument(help="A .csv, .jsonl, .parquet or .xlsx.")],
    data: DataOption = None,
    collection: CollectionOption = "default",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write all events of items that are still there, as `import` reads them."""
    from indexer.feedback.files import export_feedback

    with open_engine(data) as engine:
        count = export_feedback(engine, collection, file, overwrite)
    if as_json:
        print_json({"exported": count})
    else:
        print(f"{counted(count, 'event')} written")


@feedback.command("delete")
def delete_events(
    data: DataOption = None,
    collection: CollectionOption = "default",
    session: SessionOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Those of all sessions, and of none.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete the events of a session, or all. What was learned from them stays."""
    from search_engine.errors import ParameterError

    if (session is None) != everything:
        raise ParameterError(
            "which events", where="--session", fix="name a --session, or give --all"
        )
    with open_engine(data) as engine:
        count = engine.feedback.delete(session, collection=collection)
    if as_json:
        print_json({"deleted": count})
    else:
        print(f"{counted(count, 'event')} deleted")
