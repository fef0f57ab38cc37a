"""Check rows of a file of embeddings: the fields of the item, and the embedding."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.exchange.forms import ATTRIBUTES, COLUMNS, ITEM_ID
from indexer.sources.base import confined, usable
from search_engine.catalog.attribute_values import check_attributes
from search_engine.collections.pictures import content_hash
from search_engine.encoders.base import unit_rows
from search_engine.errors import ImageError, RowError
from search_engine.images import read_file
from search_engine.names import check_label, check_product_id
from search_engine.records import Vectors

UNIT_TOLERANCE = 1e-3
"""How far from 1 the length of a row may be without being scaled: float16 moves it by half of that,
and stored embeddings must survive an export and import bit by bit."""

NOT_FINITE = "a number of its embedding is NaN or infinite"
ZERO = "its embedding is zero"

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be imported.

    `given` are the columns that the file has for it; `digest` is its content hash, or that of its
    picture. `picture_missing` tells that it names a picture that cannot be read.
    """

    line: int
    item_id: str
    given: dict[str, Any]
    digest: str | None
    picture_missing: bool


def read_row(line: int, item_id: str, record: dict[str, Any], root: Path, max_bytes: int) -> Row:
    """Check a row of a file.

    Args:
        line: The row's number.
        item_id: Already checked.
        record: The columns by name.
        root: The folder of the pictures.
        max_bytes: The largest picture allowed.

    Raises:
        RowError: A column has a wrong value.
    """
    given = _given(record)
    digest = record.get("content_hash")
    if digest is not None and not (isinstance(digest, str) and _HASH.fullmatch(digest)):
        raise RowError("bad_value", "content_hash is not 64 hexadecimal digits")
    named = _spelled(record, "image")
    missing = False
    if named is not None:
        try:
            path = confined(root, named)
            digest = digest or content_hash(read_file(path, max_bytes))
            given["picture"] = str(path)
        except (RowError, ImageError):
            missing = True
    return Row(line, item_id, given, digest, missing)


def unit_vectors(rows: NDArray[np.floating[Any]]) -> tuple[Vectors, dict[int, str], set[int]]:
    """Convert embeddings (N, D) of any floating type to unit rows, float32.

    Rows whose length is 1 up to rounding are not changed.

    Returns:
        The rows; the reasons against unusable rows, by position; and which rows were scaled.
    """
    wide = rows.astype(np.float64)
    finite = np.asarray(np.isfinite(wide).all(axis=1))
    wide[~finite] = 0.0
    peaks = np.abs(wide).max(axis=1)
    problems = {
        place: ZERO if is_finite else NOT_FINITE
        for place, is_finite in enumerate(finite.tolist())
        if peaks[place] == 0
    }
    directions = wide / np.where(peaks == 0, 1.0, peaks)[:, None]  # whose squares are in range
    lengths = peaks * np.linalg.norm(directions, axis=1)
    off = np.flatnonzero((peaks > 0) & (np.abs(lengths - 1) > UNIT_TOLERANCE))
    wide[off] = directions[off]
    vectors = wide.astype(np.float32)
    vectors[off] = unit_rows(vectors[off])
    return vectors, problems, set(off.tolist())


def read_item_id(record: Any) -> str:
    """Return the item id of a record, not checked yet.

    Raises:
        RowError: There is no id, or the record is not an object.
    """
    if not isinstance(record, dict):
        raise RowError("bad_value", "the record is not an object")
    text = _spelled(record, ITEM_ID)
    if text is None:
        raise RowError("bad_id", "there is no item_id")
    return text


def _given(record: dict[str, Any]) -> dict[str, Any]:
    """Collect what a record says of its item; columns that it lacks are left out.

    Unknown members become attributes, like columns of a CSV.
    """
    given: dict[str, Any] = {}
    if "label" in record:
        given["label"] = usable("bad_value", check_label, _spelled(record, "label"))
    if "product_id" in record:
        product_id = _spelled(record, "product_id")
        given["product_id"] = usable("bad_value", check_product_id, product_id)
    others = {
        name: value for name, value in record.items() if name not in COLUMNS and value is not None
    }
    if ATTRIBUTES in record or others:
        named = _attributes(record.get(ATTRIBUTES))
        given[ATTRIBUTES] = usable("bad_value", check_attributes, {**others, **named})
    return given


def _attributes(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise RowError("bad_value", f"attributes are not JSON: {error}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RowError("bad_value", "attributes are an object of names and values")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _spelled(record: dict[str, Any], name: str) -> str | None:
    """Return a text, or a whole number as text: ids and classes are often numbers."""
    value = record.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RowError("bad_value", f"{name} is neither a text nor a whole number")
    return str(value)
