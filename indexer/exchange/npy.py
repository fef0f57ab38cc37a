"""Embeddings as NPY, float32 (N, D), with a JSON file that has a record for each row.

Readers need nothing but `numpy.load` and `json.load`. Both files are written and read in parts. The
JSON file has the SHA-256 of the NPY file, so that a mismatched pair is detected.
"""

import io
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from indexer.exchange.forms import (
    FORMAT,
    ROWS_A_PART,
    VERSION,
    EncoderRecord,
    FilePart,
    json_beside,
    parse_heading,
    record_of,
    to_json,
)
from indexer.exchange.json_records import read_heading, read_records
from search_engine.encoders.external import MAX_DIMENSION
from search_engine.errors import SourceError
from search_engine.records import CatalogItem, Vectors
from search_engine.storage.durable import sha256_file

WRITTEN = np.dtype("<f4")

_HEADER_ERRORS = (ValueError, TypeError, SyntaxError, TokenError, RecursionError, MemoryError)
"""What NumPy raises for a damaged header, which it parses as a Python literal."""


class NpyWriter:
    """Write both files; the header is rewritten at the end, with the number of rows."""

    def __init__(self, path: Path, encoder: EncoderRecord, root: Path) -> None:
        self._path = path
        self._dimension = encoder.dimension
        self._root = root
        self._rows = 0
        self._vectors: IO[bytes] = path.open("wb")
        self._records: IO[str] = json_beside(path).open("w", encoding="utf-8")
        self._vectors.write(_header(0, self._dimension))
        heading = to_json({"format": FORMAT, "version": VERSION, "encoder": encoder.model_dump()})
        self._records.write(f'{heading[:-1]},\n"items": [')

    def write(self, items: Sequence[CatalogItem], vectors: Vectors) -> None:
        """See EmbeddingWriter."""
        self._vectors.write(np.ascontiguousarray(vectors, dtype=WRITTEN).tobytes())
        for item in items:
            self._records.write(",\n" if self._rows else "\n")
            self._records.write(to_json(record_of(item, self._root)))
            self._rows += 1

    def close(self) -> None:
        """See EmbeddingWriter."""
        self._vectors.seek(0)
        self._vectors.write(_header(self._rows, self._dimension))
        _close_synced(self._vectors)
        digest = sha256_file(self._path)
        self._records.write(f'\n],\n"rows": {self._rows}, "sha256": "{digest}"}}\n')
        _close_synced(self._records)

    def give_up(self) -> None:
        """See EmbeddingWriter."""
        for file in (self._vectors, self._records):
            with suppress(OSError):
                file.close()


class NpyEmbeddings:
    """See EmbeddingFile."""

    def __init__(self, path: Path) -> None:
        """Open both files.

        Raises:
            SourceError: They are malformed, or do not belong together.
        """
        self.path = path
        self._json = json_beside(path)
        self._dtype, self._shape, self._fortran, self._offset = _read_header(path)
        if not self._json.is_file():
            raise SourceError(
                "there are no records beside it",
                where=str(path),
                fix=f"{self._json.name} has to hold an array of objects with an item_id each",
            )
        heading, count = read_heading(self._json)
        if count != self._shape[0]:
            raise SourceError(
                f"{count:,} records for {self._shape[0]:,} rows of {path.name}",
                where=str(self._json),
                fix="there has to be one for each row, in the same order",
            )
        self.encoder = parse_heading(heading, self._json)
        if self.encoder is not None and self.encoder.dimension != self.dimension:
            raise SourceError(
                f"rows of {self.dimension:,} numbers, but {self._json.name} says "
                f"{self.encoder.dimension:,}",
                where=str(path),
            )
        digest = heading.get("sha256")
        if self.encoder is not None and digest is not None and digest != sha256_file(path):
            raise SourceError(
                f"it is not what {self._json.name} was written with",
                where=str(path),
                fix="export again, or bring both files from the same place",
            )

    @property
    def dimension(self) -> int:
        """See EmbeddingFile."""
        return self._shape[1]

    def __len__(self) -> int:
        return self._shape[0]

    def parts(self) -> Iterator[FilePart]:
        """See EmbeddingFile."""
        records = read_records(self._json)
        for start in range(0, len(self), ROWS_A_PART):
            vectors = self._rows(start, min(start + ROWS_A_PART, len(self)))
            yield FilePart(start + 1, list(islice(records, len(vectors))), vectors)

    def _rows(self, start: int, end: int) -> NDArray[np.floating[Any]]:
        """Read some rows; the pages of a memory map would count as used memory."""
        if self._fortran:
            return np.array(self._mapped()[start:end])
        offset = self._offset + start * self.dimension * self._dtype.itemsize
        count = (end - start) * self.dimension
        found = np.fromfile(self.path, self._dtype, count, offset=offset)
        if len(found) < count:
            raise SourceError("it became shorter while it was read", where=str(self.path))
        return found.reshape(-1, self.dimension)

    def _mapped(self) -> NDArray[np.floating[Any]]:
        """Map a file in column order: a row of it is spread over the whole file."""
        return np.memmap(self.path, self._dtype, "r", self._offset, self._shape, "F")


def _header(rows: int, dimension: int) -> bytes:
    """Build a header of the same length for any number of rows, using NumPy's padding."""
    buffer = io.BytesIO()
    described = {"descr": WRITTEN.str, "fortran_order": False, "shape": (rows, dimension)}
    npy.write_array_header_1_0(buffer, described)
    return buffer.getvalue()


def _read_header(path: Path) -> tuple[np.dtype[Any], tuple[int, int], bool, int]:
    """Read type, shape, whether the order is by column, and the data offset; nothing is unpickled.

    Raises:
        SourceError: The file is not an NPY of one floating-point matrix, or its length is wrong.
    """
    try:
        with path.open("rb") as file:
            version = npy.read_magic(file)
            read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
            if version not in read:
                raise ValueError(f"version {version} of the format")
            shape, fortran, dtype = read[version](file)
            offset = file.tell()
        size = path.stat().st_size
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except _HEADER_ERRORS as error:
        raise SourceError(
            f"not an NPY file: {error}", where=str(path), fix="write it with numpy.save"
        ) from error
    if len(shape) != 2 or dtype.kind != "f" or not 1 <= shape[1] <= MAX_DIMENSION:
        raise SourceError(
            f"it holds {dtype} of shape {shape}",
            where=str(path),
            fix=f"give one row of 1 to {MAX_DIMENSION:,} floating-point numbers for each item",
        )
    wanted = offset + math.prod(shape) * dtype.itemsize
    if size != wanted:
        raise SourceError(
            f"{size:,} bytes long, but its header announces {wanted:,}",
            where=str(path),
            fix="it is truncated, or has more data after its end",
        )
    return dtype, (shape[0], shape[1]), fortran, offset


def _close_synced(file: IO[Any]) -> None:
    with file:
        file.flush()
        os.fsync(file.fileno())
