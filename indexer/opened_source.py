"""A source as it is read for an indexing run: unpacked, understood as before, pictures fetched."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from indexer.covered import name_of
from indexer.declared import Indexing
from indexer.remembered import recalled, said_before
from indexer.report import RunReport
from indexer.run import IndexRequest
from indexer.sources import Source, SourceOptions, open_source
from indexer.sources.archives import is_archive, unpack
from indexer.sources.fetched import pictures_of
from search_engine.config import Settings
from search_engine.encoders.patches import check_patches
from search_engine.storage.paths import DataPaths


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """A source, and the request that indexes it.

    `is_told` says that its columns are to be told: it was not read before, or nothing is written.
    `notes` are sentences about flags that hold from before, and about what an archive left out.
    """

    source: Source
    request: IndexRequest
    is_told: bool
    notes: Sequence[str]


def index_request(
    wanted: Indexing, collection: str, source: str, reading: SourceOptions, **own: Any
) -> IndexRequest:
    """The run that is asked for.

    Args:
        wanted: How.
        collection: Which.
        source: What items come from, as it is called where `wanted` has no name of it.
        reading: How the source is read.
        own: Further fields of the request, or others instead.
    """
    fields: dict[str, Any] = {
        "collection": collection,
        "encoder": wanted.encoder,
        "pooling": wanted.pooling,
        "index_factory": wanted.index,
        "source": wanted.name or source,
        "reading": reading,
        "replace": wanted.replace,
        "prune": wanted.prune,
        "prune_many": wanted.prune_many,
        "max_errors": wanted.max_errors,
        "dry_run": wanted.dry_run,
        "tune": wanted.tune,
        "executor": wanted.executor,
        "ray_actors": wanted.ray_actors,
        "patches": None if wanted.patches is None else check_patches(wanted.patches),
    }
    return IndexRequest(**{**fields, **own})


@contextmanager
def opened_source(
    path: Path, request: IndexRequest, settings: Settings, unpacked: Path | None = None
) -> Iterator[OpenedSource]:
    """Open a source as the request says, and for the rest as was said of it before.

    An archive is unpacked below the data directory, unless `unpacked` names another folder, but
    elsewhere for a dry run, which writes nothing there. Pictures at addresses are fetched as the
    settings allow.

    Raises:
        SourceError: There is nothing usable.
    """
    name = name_of(path, request.source)
    said = replace(request.reading, addresses=bool(settings.allow_urls))
    reading, is_known = recalled(settings, request.collection, name, said)
    request = replace(request, reading=reading, temporary=_is_temporary(path, request))
    notes = said_before(reading, said)
    with ExitStack() as stack:
        folder = unpacked or DataPaths(settings.data).unpacked(name)
        if request.dry_run:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="eyedex-")))
        source, about_archive = open_unpacked(path, folder, reading)
        fetched = pictures_of(source, settings, fetch=not request.dry_run)
        yield OpenedSource(
            stack.enter_context(fetched),
            request,
            request.dry_run or not is_known,
            (*notes, *about_archive),
        )


def open_unpacked(path: Path, folder: Path, reading: SourceOptions) -> tuple[Source, Sequence[str]]:
    """The source, with what it holds itself unpacked into a folder; what was left out of it.

    Raises:
        SourceError: There is nothing usable.
    """
    notes: Sequence[str] = ()
    if is_archive(path):
        unpacked = unpack(path, folder)
        path, notes = unpacked.path, unpacked.notes
    return open_source(path, replace(reading, inside=folder)), notes


def _is_temporary(path: Path, request: IndexRequest) -> bool:
    """Whether pictures are taken out of the source to a place that is gone after the run."""
    holds_pictures = is_archive(path) or path.suffix.lower() == ".parquet"
    return request.dry_run and holds_pictures


def sentences(source: Source) -> list[str]:
    """What is to be known of the source, then of its columns."""
    of_columns = [f"{one.column}: {one.note}" for one in source.columns if one.note]
    return [*source.notes, *of_columns]


def columns_as_json(source: Source) -> list[dict[str, Any]]:
    """The columns for programs."""
    return [asdict(report) for report in source.columns]


def index_result(opened: OpenedSource, report: RunReport) -> dict[str, Any]:
    """What an indexing run did, for programs."""
    source = opened.source
    columns = {"columns": columns_as_json(source)} if opened.is_told else {}
    refused = {"refused": [asdict(row) for row in report.refused]} if report.dry_run else {}
    return {**report.summary(), "notes": sentences(source), **columns, **refused}
