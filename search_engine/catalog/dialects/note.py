"""What a data directory notes of the database server that holds its catalog."""

import json
from dataclasses import asdict, dataclass

from search_engine.errors import CorruptDataError
from search_engine.storage.durable import replace_synced
from search_engine.storage.paths import DataPaths


@dataclass(frozen=True, slots=True)
class DatabaseNote:
    """The address of a database, without a password, and the number of the catalog in it."""

    url: str
    catalog: str


def read_note(paths: DataPaths) -> DatabaseNote | None:
    """What a data directory notes; None where its catalog is a file, or nothing is there yet.

    Raises:
        CorruptDataError: It cannot be read.
    """
    try:
        found = json.loads(paths.database_note.read_bytes())
        return DatabaseNote(str(found["url"]), str(found["catalog"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptDataError(
            "what is noted of the database cannot be read",
            where=str(paths.database_note),
            fix="delete this file and name the database by EYEDEX_DATABASE_URL",
        ) from error


def write_note(paths: DataPaths, note: DatabaseNote) -> None:
    """Note a database, safe on disk."""
    replace_synced(paths.database_note, json.dumps(asdict(note), indent=2).encode() + b"\n")
