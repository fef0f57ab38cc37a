"""The verbs `eyedex collections ...`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.flags import with_flags
from api.cli.options import (
    DataOption,
    JsonOption,
    MilvusOption,
    at_milvus,
    settings_from,
)
from api.cli.terminal.output import print_json, print_table
from api.cli.terminal.progress import progress
from api.cli.terminal.wording import counted, size
from indexer.declared import IndexKind

if TYPE_CHECKING:
    from indexer.schema import Attribute

NameArgument = Annotated[str, typer.Argument(help="The collection.")]

collections = typer.Typer(
    help="List, make and delete collections.", no_args_is_help=True, rich_markup_mode=None
)


@collections.command("list")
def list_collections(data: DataOption = None, as_json: JsonOption = False) -> None:
    """All collections with their size and encoder."""
    from search_engine.engine import SearchEngine

    with SearchEngine(settings=settings_from(data), create=False) as engine:
        found = [
            {
                "name": each.name,
                "items": engine.catalog.count(each),
                "encoder": each.encoder,
                "fingerprint": each.fingerprint,
                "dimension": each.dimension,
                "patches": each.patches or 0,
            }
            for each in engine.catalog.collections()
        ]
    if as_json:
        print_json({"collections": found})
    else:
        columns = ("name", "items", "encoder", "dimension", "patches")
        print_table(columns, [[each[column] for column in columns] for each in found])


@collections.command("create")
def create_collection(
    name: NameArgument, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Make an empty collection."""
    from search_engine.engine import SearchEngine

    with SearchEngine(settings=settings_from(data)) as engine:
        made = engine.create_collection(name)
    print_json({"name": made.name}) if as_json else print(f"made collection {made.name}")


@collections.command("schema")
def show_schema(
    name: NameArgument,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            help="Give an attribute another type: text, number, boolean, date or list.",
            metavar="NAME=TYPE",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many items would change, change none.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """The attributes of a collection's items and their types; --type converts all values."""
    from api.cli.sources import pairs
    from indexer.schema import change_types, describe_schema
    from search_engine.engine import SearchEngine

    with SearchEngine(settings=settings_from(data), create=False) as engine:
        catalog, record = engine.catalog, engine.catalog.collection(name)
        changed = None
        if types:
            wanted = pairs("--type", types, "NAME=TYPE")
            with progress("converting", 2 * catalog.count(record)) as advance:
                changed = change_types(catalog, record, wanted, dry_run, advance)
        found = describe_schema(catalog, record)
    if as_json:
        rows = [each.as_json() for each in found]
        print_json({"name": name, "changed": changed, "dry_run": dry_run, "attributes": rows})
        return
    _print_schema(found)
    if changed is not None:
        print(f"{counted(changed, 'item')} {'would change' if dry_run else 'changed'}")


def _print_schema(found: "list[Attribute]") -> None:
    print_table(
        ("attribute", "type", "items", "values", "examples"),
        [
            (
                each.name,
                each.type or "-",
                each.filled,
                ", ".join(f"{kind} {count:,}" for kind, count in each.kinds.most_common()),
                ", ".join(each.examples),
            )
            for each in found
        ],
    )


@collections.command("delete")
def delete_collection(
    name: NameArgument,
    yes: Annotated[
        bool, typer.Option("--yes", help="Really delete its items, if it has any.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a collection with all its items. The source pictures stay."""
    from search_engine.engine import SearchEngine
    from search_engine.errors import ParameterError

    with SearchEngine(settings=settings_from(data), create=False) as engine:
        count = engine.catalog.count(engine.catalog.collection(name))
        if count and not yes:
            raise ParameterError(
                f"this deletes {counted(count, 'item')} of collection {name!r}", fix="add --yes"
            )
        engine.delete_collection(name)
    result = {"name": name, "items": count}
    print_json(result) if as_json else print(
        f"deleted collection {name} ({counted(count, 'item')})"
    )


@collections.command("generations")
def list_generations(
    name: NameArgument, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """The published indexes of a collection, newest first, each verified."""
    from search_engine.engine import SearchEngine
    from search_engine.indexes.generations import describe_generations

    with SearchEngine(settings=settings_from(data), create=False) as engine:
        found = describe_generations(engine.live(name).folder)
    if as_json:
        print_json({"name": name, "generations": found})
    else:
        columns = ("name", "current", "sound", "items", "index", "recall", "seq")
        print_table(
            (*columns, "size"),
            [
                [*(each[column] for column in columns), size(round(each["megabytes"] * 1e6))]
                for each in found
            ],
        )


@dataclass(frozen=True)
class Compacting:
    """How an index is built again."""

    force: Annotated[
        bool, typer.Option("--force", help="Also for changes too few to be worth it.")
    ] = False
    index: IndexKind = None
    milvus_uri: MilvusOption = None


@collections.command("compact")
@with_flags(wanted=Compacting)
def compact_collection(
    name: NameArgument,
    *,
    wanted: Compacting,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fold what changed since into a new index generation; searches go on meanwhile.

    What is damaged of the index is built again.
    """
    from search_engine.engine import SearchEngine
    from search_engine.indexes.spec import AUTOMATIC

    with SearchEngine(settings=settings_from(data), create=False) as engine:
        live = engine.live(name)
        if wanted.index is None:
            made = live.compact(wanted.force)
        else:
            kind = at_milvus(wanted.index, wanted.milvus_uri)
            made = live.rebuild(None if kind == AUTOMATIC else kind)
        removed = live.remove_damaged()
    if as_json:
        print_json({"name": name, "generation": made, "removed": removed})
        return
    if made:
        print(f"published {made}")
    if removed:
        print(f"deleted, as damaged: {', '.join(removed)}")
    if not made and not removed:
        little = "nothing has changed" if wanted.force else "too little has changed (see --force)"
        print(f"nothing to do: {little}")


@collections.command("rollback")
def roll_back_collection(
    name: NameArgument, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Go back to the index generation before; no item is lost, what changed since is added."""
    from search_engine.engine import SearchEngine

    with SearchEngine(settings=settings_from(data), create=False) as engine:
        current = engine.live(name).roll_back()
    print_json({"name": name, "generation": current}) if as_json else print(f"now {current}")
