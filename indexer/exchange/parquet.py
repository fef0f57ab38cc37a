"""Embeddings as Parquet: one row an item, its embedding as a fixed-size list of float32.

Attributes are one column of JSON text. Separate columns would lose information: an attribute may be
a number in one item and a text or a list in the next, its name may clash with another column, and
the names are only known after all rows were read. DuckDB and others query JSON by path
(`attributes->>'price'`). Files of other programs may use either form.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from indexer.arrow_import import import_arrow
from indexer.exchange.forms import (
    ATTRIBUTES,
    COLUMNS,
    EMBEDDING,
    FORMAT,
    ITEM_ID,
    ROWS_A_PART,
    VERSION,
    EncoderRecord,
    FilePart,
    parse_heading,
    record_of,
    to_json,
)
from search_engine.catalog.attribute_values import is_attribute_name
from search_engine.encoders.external import MAX_DIMENSION
from search_engine.errors import SourceError
from search_engine.records import CatalogItem, Vectors

METADATA = b"eyedex"
"""Key of the heading, as JSON, in the schema's metadata."""

_PANDAS_INDEX = "__index_level_"


class ParquetWriter:
    """Write the file, one row group a call."""

    def __init__(self, path: Path, encoder: EncoderRecord, root: Path) -> None:
        self._arrow, parquet = _import()
        self._root = root
        self._dimension = encoder.dimension
        self._file: IO[bytes] = path.open("wb")
        heading = {"format": FORMAT, "version": VERSION, "encoder": encoder.model_dump()}
        self._schema = self._make_schema(to_json(heading))
        self._writer = parquet.ParquetWriter(
            self._file,
            self._schema,
            compression="zstd",
            use_dictionary=["label", "product_id"],
            write_statistics=[ITEM_ID],
            write_page_checksum=True,
        )

    def write(self, items: Sequence[CatalogItem], vectors: Vectors) -> None:
        """See EmbeddingWriter."""
        records = [record_of(item, self._root) for item in items]
        for record in records:
            record[ATTRIBUTES] = to_json(record[ATTRIBUTES])
        columns = [self._arrow.array([one[name] for one in records], "string") for name in COLUMNS]
        numbers = self._arrow.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
        columns.append(self._arrow.FixedSizeListArray.from_arrays(numbers, self._dimension))
        self._writer.write_table(self._arrow.Table.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        """See EmbeddingWriter."""
        self._writer.close()
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())

    def give_up(self) -> None:
        """See EmbeddingWriter."""
        with suppress(OSError, ValueError):
            self._writer.close()
        with suppress(OSError):
            self._file.close()

    def _make_schema(self, heading: str) -> Any:
        arrow = self._arrow
        fields = [arrow.field(name, arrow.string(), name != ITEM_ID) for name in COLUMNS]
        vector = arrow.list_(arrow.field("element", arrow.float32(), False), self._dimension)
        fields.append(arrow.field(EMBEDDING, vector, False))
        return arrow.schema(fields, {METADATA: heading.encode()})


class ParquetEmbeddings:
    """See EmbeddingFile."""

    def __init__(self, path: Path) -> None:
        """Open the file and read it once, to find any damage.

        Raises:
            SourceError: The file is malformed.
            MissingExtraError: pyarrow is not installed.
        """
        self._arrow, self._parquet = _import()
        self.path = path
        with self._opened() as file:
            schema = file.schema_arrow
            self._rows = int(file.metadata.num_rows)
        self._check_columns(schema)
        self.encoder = _heading(schema, path)
        self._columns = [name for name in schema.names if not name.startswith(_PANDAS_INDEX)]
        self._structs = {
            name for name in self._columns if self._arrow.types.is_struct(schema.field(name).type)
        }
        self.dimension = self._survey(schema.field(EMBEDDING).type)

    def __len__(self) -> int:
        return self._rows

    def parts(self) -> Iterator[FilePart]:
        """See EmbeddingFile."""
        line = 1
        for batch in self._batches():
            yield self._part(batch, line)
            line += batch.num_rows

    def _part(self, batch: Any, line: int) -> FilePart:
        vectors, bad = self._vectors(batch.column(EMBEDDING))
        records = batch.drop_columns([EMBEDDING]).to_pylist()
        return FilePart(line, [self._record(one) for one in records], vectors, bad)

    def _record(self, record: dict[str, Any]) -> dict[str, Any]:
        """Drop attributes that a row lacks: Parquet has each column in every row."""
        return {
            name: _filled(value) if name in self._structs else value
            for name, value in record.items()
            if name in COLUMNS or not _is_missing(value)
        }

    def _vectors(self, column: Any) -> tuple[NDArray[np.floating[Any]], dict[int, str]]:
        lengths = _lengths(column)
        whole = lengths == self.dimension
        numbers = column.filter(self._arrow.array(whole)).flatten().to_numpy(zero_copy_only=False)
        vectors = np.full((len(lengths), self.dimension), np.nan, dtype=numbers.dtype)
        vectors[whole] = numbers.reshape(-1, self.dimension)
        bad = {
            int(row): "it has no embedding"
            if lengths[row] < 0
            else f"its embedding has {lengths[row]:,} numbers, not {self.dimension:,}"
            for row in np.flatnonzero(~whole)
        }
        return vectors, bad

    def _survey(self, kind: Any) -> int:
        """Verify the file; the dimension is that of the type, the heading or the first row."""
        dimension = kind.list_size if self._arrow.types.is_fixed_size_list(kind) else None
        if self.encoder is not None:
            if dimension not in (None, self.encoder.dimension):
                raise SourceError(
                    f"rows of {dimension:,} numbers, but its heading says "
                    f"{self.encoder.dimension:,}",
                    where=str(self.path),
                )
            dimension = self.encoder.dimension
        for batch in self._batches():
            if dimension is None:
                lengths = _lengths(batch.column(EMBEDDING))
                dimension = next((int(one) for one in lengths if one >= 0), None)
        if dimension is None or not 1 <= dimension <= MAX_DIMENSION:
            raise SourceError(
                f"embeddings of {dimension or 0:,} numbers",
                where=str(self.path),
                fix=f"1 to {MAX_DIMENSION:,} are possible",
            )
        return int(dimension)

    def _batches(self) -> Iterator[Any]:
        with self._opened() as file:
            for batch in file.iter_batches(ROWS_A_PART, columns=self._columns):
                batch.validate(full=True)
                yield batch

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """Open the file; errors of pyarrow become SourceError."""
        try:
            with self._parquet.ParquetFile(
                self.path, pre_buffer=False, page_checksum_verification=True
            ) as file:
                yield file
        except (OSError, ValueError, self._arrow.ArrowException) as error:
            said = " ".join(str(error).split())[:300]
            raise SourceError(f"not a valid Parquet file: {said}", where=str(self.path)) from error

    def _check_columns(self, schema: Any) -> None:
        """Raise SourceError unless each column exists once and has a usable type."""
        names = schema.names
        found = f"found: {', '.join(map(str, names[:20]))}"
        missing = [name for name in (ITEM_ID, EMBEDDING) if name not in names]
        repeated = sorted({name for name in names if names.count(name) > 1})
        for problem, which in (("lacks", missing), ("repeats", repeated)):
            if which:
                what = ", ".join(map(repr, which[:5]))
                raise SourceError(
                    f"the file {problem} the column {what}", where=str(self.path), fix=found[:300]
                )
        for one in schema:
            wanted = self._wanted(one)
            if wanted is not None:
                instead = "" if one.name in (ITEM_ID, EMBEDDING) else ", or leave it out"
                raise SourceError(
                    f"column {one.name!r} is {one.type}",
                    where=str(self.path),
                    fix=f"make it {wanted}{instead}",
                )

    def _wanted(self, column: Any) -> str | None:
        """Return the type that a column should have; None if its type is fine."""
        name, kind, types = column.name, column.type, self._arrow.types
        if name == EMBEDDING:
            good = self._is_list(kind) and types.is_floating(kind.value_type)
            return None if good else "a list of floating-point numbers"
        if name.startswith(_PANDAS_INDEX):
            return None
        if name == ATTRIBUTES:
            good = self._is_text(kind) or types.is_struct(kind)
            return None if good else "JSON text or a struct"
        if name in COLUMNS:
            good = self._is_text(kind) or types.is_integer(kind)
            return None if good else "text"
        if not is_attribute_name(name):
            return "a name of up to 128 characters without quotes"
        return None if self._is_plain(kind) else "text, numbers, booleans or lists of these"

    def _is_plain(self, kind: Any) -> bool:
        types = self._arrow.types
        if self._is_list(kind):
            return self._is_plain(kind.value_type)
        numbers = (types.is_integer, types.is_floating, types.is_boolean)
        return self._is_text(kind) or any(one(kind) for one in numbers)

    def _is_list(self, kind: Any) -> bool:
        types = self._arrow.types
        lists = (types.is_list, types.is_large_list, types.is_fixed_size_list)
        return any(one(kind) for one in lists)

    def _is_text(self, kind: Any) -> bool:
        types = self._arrow.types
        if types.is_dictionary(kind):
            return self._is_text(kind.value_type)
        texts = (types.is_string, types.is_large_string, types.is_string_view, types.is_null)
        return any(one(kind) for one in texts)


def _import() -> tuple[Any, Any]:
    return import_arrow(".parquet", "use .npy")


def _heading(schema: Any, path: Path) -> EncoderRecord | None:
    try:
        found = json.loads((schema.metadata or {}).get(METADATA, b"null"))
    except (ValueError, RecursionError) as error:
        raise SourceError("its heading is damaged: not JSON", where=str(path)) from error
    return parse_heading(found, path)


def _lengths(column: Any) -> NDArray[np.int64]:
    """Return how many numbers each row has, -1 for null."""
    from pyarrow import compute

    lengths = compute.list_value_length(column).cast("int64")
    found: NDArray[np.int64] = compute.fill_null(lengths, -1).to_numpy(zero_copy_only=False)
    return found


def _is_missing(value: Any) -> bool:
    """Return whether a value is None, or pandas' NaN for it."""
    return value is None or (isinstance(value, float) and value != value)


def _filled(struct: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Drop members that are null only because other rows have them."""
    if struct is None:
        return None
    return {name: value for name, value in struct.items() if not _is_missing(value)}
