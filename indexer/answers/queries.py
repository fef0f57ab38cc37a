"""Queries of a batch: the pictures of a source, or the embeddings of a file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.exchange.files import open_embeddings
from indexer.exchange.forms import FilePart, json_beside
from indexer.opened_source import open_unpacked
from indexer.sources import AS_FOUND, FolderSource, Reject, Rows, SourceOptions, SourceRow
from indexer.sources.archives import is_archive
from indexer.sources.fetched import pictures_of
from indexer.sources.files import has_suffix
from indexer.sources.reading import TABLE_SUFFIXES
from search_engine.config import Settings
from search_engine.errors import (
    MissingPictureError,
    ModelMismatchError,
    ParameterError,
    RowError,
    SourceError,
)
from search_engine.images.files import shown_path
from search_engine.search.asked import Asked


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked with, and how its source names it; `path` is that of its picture."""

    query_id: str
    asked: Asked
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class RejectedQuery:
    """A row of a source that could not be answered, with what is known of it and the reason."""

    path: Path | None
    query_id: str | None
    code: str
    reason: str


class Queries(Protocol):
    """Queries in the order of their source."""

    def __len__(self) -> int:
        """Count queries and rejects together."""
        ...

    def __iter__(self) -> Iterator[Query | RejectedQuery]:
        """Yield all; can be called again."""
        ...


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Rows of which some have their pictures below a folder that will be gone: nobody knows these
    by their paths."""

    source: Rows
    folder: Path

    def __len__(self) -> int:
        return len(self.source)

    @property
    def description(self) -> str:
        """See `Rows`."""
        return self.source.description

    def rows(self) -> Iterator[SourceRow | Reject]:
        """See `Rows`."""
        return self.source.rows()


@dataclass(frozen=True, slots=True)
class PictureQueries:
    """A query for each row of a source, whose labels and attributes are ignored.

    `beside` is what each asks with beside its picture: fields of `Asked`, such as a region.
    """

    source: Rows
    beside: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.source)

    def __iter__(self) -> Iterator[Query | RejectedQuery]:
        for row in self.source.rows():
            if isinstance(row, Reject):
                yield RejectedQuery(None, row.item_id, row.code, row.reason)
                continue
            try:
                path = None if _is_temporary(self.source, row.file) else row.file
                yield Query(row.item_id, Asked(row.file, **self.beside), path)
            except RowError as error:
                yield RejectedQuery(None, row.item_id, error.code, error.what)


class EmbeddingQueries:
    """A query for each embedding of a file: one that `eyedex export` wrote, or any `.npy`.

    Without records beside it an NPY holds one embedding (D,) or several (N, D), which are called by
    their numbers, from 1.
    """

    def __init__(
        self, path: Path, fingerprint: str | None, beside: Mapping[str, Any] | None = None
    ) -> None:
        """Open the file; `fingerprint` is that of the collection's encoder, None for none yet.

        Raises:
            SourceError: It holds no embeddings.
            ModelMismatchError: It says that they are of another encoder.
            MissingExtraError: Parquet needs a package that is not installed.
        """
        self._beside = beside or {}
        if path.suffix.lower() == ".npy" and path.is_file() and not json_beside(path).exists():
            vectors = _plain(path)
            self._count = len(vectors)
            part = FilePart(1, [None] * len(vectors), vectors)
            self._parts: Callable[[], Iterator[FilePart]] = lambda: iter([part])
            return
        file = open_embeddings(path)
        if file.encoder is not None and file.encoder.fingerprint != fingerprint:
            raise ModelMismatchError(
                f"these are embeddings of {file.encoder.name} ({file.encoder.fingerprint}), and "
                f"those of the collection have another encoder ({fingerprint})",
                where=str(path),
                fix="export them from a collection with the same encoder",
            )
        self._count, self._parts = len(file), file.parts

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Query | RejectedQuery]:
        for part in self._parts():
            for place, record in enumerate(part.records):
                number = str(part.line + place)
                named = record.get("item_id") if isinstance(record, dict) else None
                query_id = named if isinstance(named, str) else number
                if place in part.bad:
                    yield RejectedQuery(None, query_id, "bad_embedding", part.bad[place])
                else:
                    yield Query(query_id, Asked(vector=part.vectors[place], **self._beside))


def _plain(path: Path) -> NDArray[np.floating[Any]]:
    """The rows of an NPY file, (N, D), nothing of which is unpickled."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise SourceError(
            f"not an NPY file of numbers: {error}", where=str(path), fix="write it with numpy.save"
        ) from error
    rows = np.atleast_2d(found)
    if rows.ndim != 2 or rows.dtype.kind != "f":
        raise SourceError(
            f"it holds {found.dtype} of shape {found.shape}",
            where=str(path),
            fix="give one embedding (D,) or several (N, D), of floating-point numbers",
        )
    return rows


@contextmanager
def opened_pictures(
    paths: Sequence[Path], settings: Settings, reading: SourceOptions = AS_FOUND
) -> Iterator[Rows]:
    """Open what paths name: a folder, a table or an archive, or any pictures and folders.

    What an archive or a table holds is unpacked for the time, and pictures at addresses are fetched
    as the settings allow; nothing of it is kept.

    Args:
        paths: At least one.
        settings: Allowed hosts and the size limit of pictures.
        reading: How to read a table or folder, where that cannot be detected.

    Raises:
        SourceError: There is nothing usable.
        ParameterError: A table is given together with other paths.
        MissingPictureError: The only picture does not exist.
    """
    if not is_source(paths):
        yield PictureFiles(paths)
        return
    with TemporaryDirectory(prefix="eyedex-") as folder:
        said = replace(reading, addresses=bool(settings.allow_urls))
        source, _ = open_unpacked(paths[0], Path(folder) / "unpacked", said)
        here = settings.model_copy(update={"data": Path(folder)})
        with pictures_of(source, here, fetch=True) as fetched:
            yield Unpacked(fetched, Path(folder))


def _is_temporary(source: Rows, file: Path) -> bool:
    return isinstance(source, Unpacked) and file.is_relative_to(source.folder)


def is_source(paths: Sequence[Path]) -> bool:
    """Whether paths name one folder, table or archive, and not pictures.

    Raises:
        ParameterError: A table is given together with other paths.
        MissingPictureError: The only picture does not exist.
    """
    if len(paths) == 1:
        path = paths[0]
        try:
            path.stat()
        except FileNotFoundError:
            pass
        except OSError as error:  # such as a name that no file can have
            raise MissingPictureError(f"{error.strerror}", where=shown_path(path)) from error
        if path.is_dir() or _is_table(path) or is_archive(path):
            return True
        if not path.exists():
            raise MissingPictureError("there is no such picture", where=shown(path))
        return False
    for path in paths:
        if _is_table(path) or is_archive(path):
            raise ParameterError(
                "a table cannot be combined with other sources",
                where=str(path),
                fix="name it alone",
            )
    return False


class PictureFiles:
    """Pictures given by their paths, and all pictures in folders; item_id is the path."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._parts = [FolderSource(path) if path.is_dir() else path for path in paths]
        self.description = f"{len(self):,} pictures"

    def __len__(self) -> int:
        return sum(len(part) if isinstance(part, FolderSource) else 1 for part in self._parts)

    def rows(self) -> Iterator[SourceRow | Reject]:
        """See Source."""
        for line, row in enumerate(self._all(), 1):
            if isinstance(row, Reject):
                yield Reject(line, row.item_id, row.code, row.reason)
            else:
                yield SourceRow(line, shown(row), row)

    def _all(self) -> Iterator[Path | Reject]:
        for part in self._parts:
            if isinstance(part, FolderSource):
                yield from (row if isinstance(row, Reject) else row.file for row in part.rows())
            else:
                yield part


def shown(path: Path) -> str:
    """A path as text that can be written anywhere, whatever bytes it is made of."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _is_table(path: Path) -> bool:
    return has_suffix(path, TABLE_SUFFIXES)
