"""Verbs of the catalog owner: index, check, encoders, collections."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from api.cli.catalog.run_report import print_indexed
from api.cli.exits import Exit
from api.cli.options import CollectionOption, DataOption, JsonOption, settings_from
from api.cli.terminal.output import print_json, print_table
from api.cli.terminal.progress import progress
from api.cli.terminal.wording import counted, size
from search_engine.encoders.runtime import RuntimeChoice

if TYPE_CHECKING:
    from search_engine.encoders.base import Encoder
    from search_engine.storage.paths import DataPaths

RuntimeOption = Annotated[
    RuntimeChoice | None,
    typer.Option(
        "--runtime",
        help=f"What runs the network: {', '.join(get_args(RuntimeChoice))}.",
        metavar="NAME",
    ),
]

NameArgument = Annotated[str, typer.Argument(help="The collection.")]

IndexOption = Annotated[
    str | None,
    typer.Option(
        "--index",
        metavar="auto|FACTORY",
        help="Kind of index from now on, by FAISS factory string; auto chooses by size.",
    ),
]


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
    from indexer.sources import open_source
    from search_engine.storage.paths import DataPaths

    settings = settings_from(data, runtime=runtime, batch_size=batch_size, workers=workers)
    rows = open_source(source, label_from, id_col, image_col, encoding)
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
    try:
        with progress("indexing", len(rows)) as advance:
            report = index_source(rows, request, settings, advance, _say_encoder)
    except SystemExit:
        print("interrupted: what was committed is safe; run again to go on", file=sys.stderr)
        raise
    if as_json:
        print_json(report.summary())
    else:
        print_indexed(report, paths.rejects(collection))
    if not len(rows):
        print(f"note: there is nothing to index in {rows.description}", file=sys.stderr)
    if report.rejected:
        raise typer.Exit(Exit.SOME_REJECTED)


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
                "findings": [
                    {"level": one.level, "where": one.where, "what": one.what}
                    for one in report.findings
                ],
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


def encoders(
    show_all: Annotated[
        bool, typer.Option("--all", help="List every network of torchvision and timm too.")
    ] = False,
    bench: Annotated[
        bool,
        typer.Option(
            "--bench", help="Measure what runs the network here, on pictures of the collection."
        ),
    ] = False,
    int8: Annotated[
        bool,
        typer.Option(
            "--calibrate-int8",
            help="Make the runtime openvino-int8 from pictures of the collection; kept if good.",
        ),
    ] = False,
    learn: Annotated[
        Literal["sift", "orb"] | None,
        typer.Option("--learn-vocabulary", help="Learn the visual words of sift or orb."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Pictures to learn words from: a folder or a CSV file."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="File for the words, then given as --weights.")
    ] = None,
    data: DataOption = None,
    collection: CollectionOption = "default",
    as_json: JsonOption = False,
) -> None:
    """The encoders that `index --encoder` takes, or what runs the collection's own here."""
    if bench or int8:
        from api.cli.encoders import runtimes

        (runtimes.calibrate_int8 if int8 else runtimes.bench)(data, collection, as_json)
        return
    if learn is not None:
        from api.cli.encoders import vocabularies

        vocabularies.learn(learn, source, out, as_json)
        return
    from search_engine.encoders.registry import list_families, list_variants

    if show_all:
        names = [name for family in list_families() for name in list_variants(family)]
        if as_json:
            print_json({"encoders": names})
        else:
            print("\n".join(names))
        return
    listed = [
        (f"{family.name}:<name>" if family.variants else family.name, family.about)
        for family in list_families()
    ]
    if as_json:
        print_json({"encoders": [{"name": name, "about": about} for name, about in listed]})
    else:
        print_table(("encoder", "about"), listed)


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
            }
            for each in engine.catalog.collections()
        ]
    if as_json:
        print_json({"collections": found})
    else:
        columns = ("name", "items", "encoder", "dimension")
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


@collections.command("compact")
def compact_collection(
    name: NameArgument,
    force: Annotated[
        bool, typer.Option("--force", help="Also for changes too few to be worth it.")
    ] = False,
    index_factory: IndexOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fold what changed since into a new index generation; searches go on meanwhile."""
    from search_engine.engine import SearchEngine
    from search_engine.indexes.spec import AUTOMATIC

    with SearchEngine(settings=settings_from(data), create=False) as engine:
        live = engine.live(name)
        if index_factory is None:
            made = live.compact(force)
        else:
            made = live.rebuild(None if index_factory == AUTOMATIC else index_factory)
    if as_json:
        print_json({"name": name, "generation": made})
    else:
        print(
            f"published {made}" if made else "nothing to do: too little has changed (see --force)"
        )


@collections.command("rollback")
def roll_back_collection(
    name: NameArgument, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Go back to the index generation before; no item is lost, what changed since is added."""
    from search_engine.engine import SearchEngine

    with SearchEngine(settings=settings_from(data), create=False) as engine:
        current = engine.live(name).roll_back()
    print_json({"name": name, "generation": current}) if as_json else print(f"now {current}")


def _say_encoder(encoder: "Encoder") -> None:
    spec = encoder.spec
    print(
        f"encoder {spec.name} ({spec.dimension}-d, {spec.fingerprint[:12]}), {encoder.runtime}",
        file=sys.stderr,
    )
