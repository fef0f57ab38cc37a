"""Fetched pictures on disk, each with a note of the validators that its server sent."""

import json
from collections.abc import Mapping
from pathlib import Path

from search_engine.storage.durable import replace_synced


def note_of(path: Path) -> Path:
    """Return the path of the note beside a picture."""
    return path.with_name(f"{path.name}.json")


def read_note(path: Path) -> dict[str, str]:
    """Read the note of a stored picture; empty if there is none or it is damaged."""
    try:
        said = json.loads(note_of(path).read_text("utf-8")) if path.exists() else {}
    except (OSError, ValueError):
        return {}
    return {name: value for name, value in said.items() if isinstance(value, str)}


def keep(path: Path, data: bytes, said: Mapping[str, str | None]) -> None:
    """Write a picture and then its note, each atomically.

    In between, an old note may be beside a new picture; then the server sends the picture again.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_synced(path, data)
    replace_synced(note_of(path), json.dumps(said).encode())
