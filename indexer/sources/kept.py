"""Fetched pictures on disk, each with a note of what its server said of it."""

import json
from collections.abc import Mapping
from pathlib import Path

from search_engine.storage.durable import replace_synced


def note_of(path: Path) -> Path:
    """The note beside a picture."""
    return path.with_name(f"{path.name}.json")


def read_note(path: Path) -> dict[str, str]:
    """What was said of a kept picture; nothing where there is none, or none that can be read."""
    try:
        said = json.loads(note_of(path).read_text("utf-8")) if path.exists() else {}
    except (OSError, ValueError):
        return {}
    return {name: value for name, value in said.items() if isinstance(value, str)}


def keep(path: Path, data: bytes, said: Mapping[str, str | None]) -> None:
    """Write a picture and then what was said of it, each whole or not at all.

    Between the two an old note may stand beside a new picture; its server then sends it again.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_synced(path, data)
    replace_synced(note_of(path), json.dumps(said).encode())
