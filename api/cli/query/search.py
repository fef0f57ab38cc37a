"""The verb that searches."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.exits import Exit
from api.cli.flags import with_flags
from api.cli.options import CollectionOption, DataOption, JsonOption, open_engine
from api.cli.query.asking import given, with_options
from api.cli.query.batch import AllowUrlsOption, OutputOption, OverwriteOption
from api.cli.sources import with_source_flags
from api.cli.terminal.output import Notes, print_facets, print_json, print_neighbors
from api.cli.terminal.streams import shown
from api.schemas.items import facets_json
from api.schemas.results import result_json
from search_engine.errors import ParameterError

if TYPE_CHECKING:
    from indexer.answers.queries import Queries
    from indexer.sources import SourceOptions
    from search_engine.engine import SearchEngine
    from search_engine.records import FacetCount, Neighbor

PhotosArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        help="The photo to search with; or several, folders, one table or one archive.",
        show_default=False,
    ),
]
PHOTO_ONLY = ("box", "regions", "turns")
DESCRIBING = ("q", "color")
ONLY_IN_JSON = {"include": "embeddings and palettes", "explain": "explanations"}
PLAINLY_PHOTOS = (".jpg", ".jpeg", ".png", ".webp")
"""One of these is searched without loading what reads sources."""
ONLY_OF_ONE = ("facets", "cursor")
NOT_OF_QUERIES = ("include", "label_from", "label_separator", "type")


@dataclass(frozen=True)
class Subject:
    """What is searched with, beside photos or instead."""

    item: Annotated[
        str | None,
        typer.Option(help="An item of the collection instead of a photo.", metavar="ITEM_ID"),
    ] = None
    vector: Annotated[
        Path | None,
        typer.Option(
            help="Embeddings instead of photos: an .npy of one (D,) or several (N, D), or a file "
            "that `eyedex export` wrote.",
            metavar="FILE",
        ),
    ] = None
    text: Annotated[
        str | None,
        typer.Option(
            help="What a picture would show, in words, instead of a photo; where the encoder reads "
            "texts.",
            metavar="WORDS",
        ),
    ] = None
    like: Annotated[
        list[str] | None,
        typer.Option(
            help="An item that shows what is wanted, beside the photo or instead; repeatable.",
            metavar="ITEM_ID",
        ),
    ] = None
    unlike: Annotated[
        list[str] | None,
        typer.Option(help="An item that shows what is not wanted; repeatable.", metavar="ITEM_ID"),
    ] = None

    @property
    def examples(self) -> dict[str, Any]:
        """Items to like and unlike."""
        return {"like": self.like or [], "unlike": self.unlike or []}


@with_source_flags(without=NOT_OF_QUERIES, if_any=True)
@with_flags(subject=Subject)
@with_options("search")
def search(
    images: PhotosArgument = None,
    *,
    subject: Subject,
    data: DataOption = None,
    collection: CollectionOption = "default",
    output: OutputOption = None,
    overwrite: OverwriteOption = False,
    allow_urls: AllowUrlsOption = False,
    reading: Any = None,
    as_json: JsonOption = False,
    **options: Any,
) -> None:
    """The catalog items that look most like a photo, or are described by words and colours.

    Many photos are searched in batches: --output writes a row for each neighbor.
    """
    asked = given(options)
    _check_question(images, subject, asked)
    if subject.vector is None and output is None and not _are_many(images):
        _check_in_json(asked, as_json)
        with open_engine(data) as engine:
            _search_one(engine, images, subject, {**asked, "collection": collection}, as_json)
        return
    from api.cli.query.batch import Batch
    from indexer.answers.batches import searching
    from indexer.answers.files import check_output
    from indexer.answers.layouts import NEIGHBORS
    from search_engine.search.options import search_options

    _check_batch(asked, bool(images) or subject.vector is not None, output, as_json)
    if output is not None:
        check_output(output, images[0] if images else subject.vector, overwrite)
    checked = search_options(asked)
    beside = {**subject.examples, **{name: getattr(checked, name) for name in PHOTO_ONLY}}
    with _opened_queries(data, images, subject.vector, collection, reading, allow_urls, beside) as (
        engine,
        queries,
    ):
        ask = searching(engine, collection, checked)
        rejected = Batch(engine, queries, ask, NEIGHBORS, "searching").run(
            output, overwrite, as_json
        )
    if rejected:
        raise typer.Exit(Exit.SOME_REJECTED)


@contextmanager
def _opened_queries(
    data: Path | None,
    images: Sequence[Path] | None,
    vector: Path | None,
    collection: str,
    reading: "SourceOptions | None",
    allow_urls: bool,
    beside: Mapping[str, Any],
) -> "Iterator[tuple[SearchEngine, Queries]]":
    from api.cli.query.batch import opened
    from indexer.answers.queries import EmbeddingQueries, PictureQueries

    if vector is not None:
        with open_engine(data) as engine:
            fingerprint = engine.live(collection).record.fingerprint
            yield engine, EmbeddingQueries(vector, fingerprint, beside)
        return
    with opened(data, images or (), reading, allow_urls) as (engine, source):
        yield engine, PictureQueries(source, beside)


def _search_one(
    engine: "SearchEngine",
    images: Sequence[Path] | None,
    subject: Subject,
    asked: dict[str, Any],
    as_json: bool,
) -> None:
    counted = _counted(engine, asked, asked.pop("facets", ""))
    asked.update(subject.examples)
    if subject.item is None:
        result = engine.search(images[0] if images else None, text=subject.text, **asked)
    else:
        result = engine.similar(subject.item, **asked)
    if as_json:
        extra = {"facets": facets_json(counted)} if counted else {}
        print_json({**result_json(result), **extra})
        return
    print_neighbors(result.neighbors)
    for number, region in enumerate(result.regions or ()):
        print(f"region {number}: --box {','.join(f'{side:.3f}' for side in region.box)}")
    print_facets(counted)
    _say_same(result.neighbors)
    if result.rerank is not None:
        print(f"note: in the order of {result.rerank}; scores are cosines", file=sys.stderr)
    if result.left_out:
        print(f"note: {result.left_out} of the nearest were left out", file=sys.stderr)
    Notes().print(result.warnings)


def _counted(
    engine: "SearchEngine", asked: Mapping[str, Any], names: str
) -> "dict[str, tuple[FacetCount, ...]]":
    """The items that fulfil the filter, by values of some fields."""
    if not names:
        return {}
    fields = [name.strip() for name in names.split(",")]
    return engine.facets(fields, filter=asked.get("filter"), collection=asked["collection"])


def _say_same(neighbors: "Sequence[Neighbor]") -> None:
    same = [shown(each.item.item_id) for each in neighbors if each.same_picture]
    if same:
        print(f"note: the same picture as the photo: {', '.join(same)}", file=sys.stderr)


def _are_many(images: Sequence[Path] | None) -> bool:
    if not images:
        return False
    if len(images) == 1 and images[0].suffix.lower() in PLAINLY_PHOTOS:
        return images[0].is_dir()
    from indexer.answers.queries import is_source

    return len(images) > 1 or is_source(images)


def _check_question(
    images: Sequence[Path] | None, subject: Subject, asked: Mapping[str, Any]
) -> None:
    described = any(name in asked for name in DESCRIBING) and not subject.unlike
    pictured = (subject.item, subject.vector, subject.text)
    given = bool(images) + sum(each is not None for each in pictured)
    if given > 1 or not (given or subject.like or described):
        raise ParameterError(
            "give photos, --item, --vector or --text, one of them, or --like, -q or --color",
            where="eyedex search",
        )
    for name in PHOTO_ONLY:
        if not images and name in asked:
            raise ParameterError(
                "it is about a photo, and there is none", where=f"--{name}", fix="leave it out"
            )


def _check_in_json(asked: Mapping[str, Any], as_json: bool) -> None:
    for name, what in ONLY_IN_JSON.items():
        if name in asked and not as_json:
            raise ParameterError(f"{what} are in JSON only", where=f"--{name}", fix="add --json")


def _check_batch(
    asked: Mapping[str, Any], may_be_many: bool, output: Path | None, as_json: bool
) -> None:
    """Refuse what answers to many queries, or files of them, do not have."""
    for name in ONLY_OF_ONE:
        if name in asked:
            raise ParameterError("it is of one query", where=f"--{name}", fix="leave it out")
    if output is None:
        _check_in_json(asked, as_json)
        return
    for name, what in ONLY_IN_JSON.items():
        if name in asked:
            raise ParameterError(
                f"{what} are not in files", where=f"--{name}", fix="use --json instead of --output"
            )
    if not may_be_many:
        raise ParameterError(
            "a file has answers to photos or embeddings",
            where="--output",
            fix="leave it out: --json prints others",
        )
