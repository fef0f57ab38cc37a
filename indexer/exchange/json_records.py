"""Read a long JSON array record by record, so that memory does not grow with the file.

The array is the whole file, or the member `items` of an object, whose other members are the
heading. NaN, which some programs write for missing values though JSON has none, is read as null.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indexer.json_scanner import JsonScanner
from search_engine.errors import SourceError

ITEMS = "items"
_NOT_JSON = {"NaN": None, "Infinity": math.inf, "-Infinity": -math.inf}


def read_heading(path: Path) -> tuple[dict[str, Any], int]:
    """Read the heading and count the records; this verifies that the whole file is JSON.

    Raises:
        SourceError: The file is not JSON, or holds no array of records.
    """
    heading: dict[str, Any] = {}
    count = sum(1 for _ in _values(path, heading))
    return heading, count


def read_records(path: Path) -> Iterator[Any]:
    """Yield the values of the array, in order.

    Raises:
        SourceError: The file is damaged or has changed.
    """
    return _values(path, {})


def _values(path: Path, heading: dict[str, Any]) -> Iterator[Any]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            scanner = JsonScanner(file, json.JSONDecoder(parse_constant=_NOT_JSON.__getitem__))
            yield from _document(scanner, heading)
    except UnicodeDecodeError as error:
        raise SourceError("not UTF-8", where=str(path)) from error
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"not JSON: {_said(error)}", where=str(path)) from error


def _document(scanner: JsonScanner, heading: dict[str, Any]) -> Iterator[Any]:
    if scanner.peek() == "[":
        yield from _array(scanner)
    else:
        yield from _object(scanner, heading)
    if scanner.peek():
        raise ValueError("there is something after its end")


def _object(scanner: JsonScanner, heading: dict[str, Any]) -> Iterator[Any]:
    found = False
    for _ in scanner.parts("{", "}"):
        name = scanner.name()
        if name != ITEMS:
            heading[name] = scanner.value()
        elif found:
            raise ValueError(f"it has {ITEMS!r} twice")
        else:
            found = True
            yield from _array(scanner)
    if not found:
        raise ValueError(f"it is neither an array of records nor an object with {ITEMS!r}")


def _array(scanner: JsonScanner) -> Iterator[Any]:
    for _ in scanner.parts("[", "]"):
        yield scanner.value()


def _said(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
