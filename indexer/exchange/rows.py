"""Rows of a file of embeddings, checked: what is given of an item, and its embedding."""

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
"""So far from 1 a length may be and the row stay as it is: float16 moves it by half of that, and
what was stored shall be stored again bit by bit."""

NOT_FINITE = "a number of its embedding is NaN or infinite"
ZERO = "its embedding is zero"

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Row:
    """A row that may be taken in.

    `given` are the columns that the file has for it; `digest` is the content hash that it gives,
    or that of its picture. `picture_missing` where it names one that cannot be read.
    """

    line: int
    item_id: str
    given: dict[str, Any]
    digest: str | None
    picture_missing: bool


def read_row(line: int, item_id: str, record: dict[str, Any], root: Path, max_bytes: int) -> Row:
    """A row that may be taken in.

    Args:
        line: Its number.
        item_id: Checked already.
        record: Its columns by name.
        root: The folder that pictures are in.
        max_bytes: Of a picture.

    Raises:
        RowError: A column holds something else.
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
    """Embeddings (N, D) of any floating type as unit rows, float32.

    Rows whose length is 1 but for rounding stay as they are.

    Returns:
        The rows; why those of some places mean nothing; and which were scaled.
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
    """The item id of a record, not checked yet.

    Raises:
        RowError: There is none, or the record is no object.
    """
    if not isinstance(record, dict):
        raise RowError("bad_value", "the record is not an object")
    text = _spelled(record, ITEM_ID)
    if text is None:
        raise RowError("bad_id", "there is no item_id")
    return text


def _given(record: dict[str, Any]) -> dict[str, Any]:
    """What a record says of its item; what it has no column for is left out.

    Members other than ours are attributes, as the columns of a CSV are.
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
    """A text, or a whole number as one; ids and classes are often numbered."""
    value = record.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RowError("bad_value", f"{name} is neither a text nor a whole number")
    return str(value)
