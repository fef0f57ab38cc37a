"""Store lists and maps of collections: arrays with a description of what they were made from.

    overviews/<collection>/<kind>-<digest of encoder and target>.safetensors

They are derived: a file that is missing, damaged, or of another collection or encoder is made anew.
They lie beside the generations rather than in them, as a generation is replaced when a twentieth of
the items changed, and a map is good for longer: further items are placed among those it has.
"""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.commands import overview_command
from search_engine.errors import OverviewNotFoundError
from search_engine.storage.arrays import Arrays, packed, read_arrays, read_header
from search_engine.storage.durable import replace_synced, storage_error
from search_engine.storage.paths import DataPaths

log = logging.getLogger(__name__)

Kind = Literal["mislabelled", "outliers", "map"]

DIGEST_BYTES = 16


class Origin(BaseModel):
    """What an overview was made from, and when: `made_at` is in seconds since 1970.

    Of `items`, `judged` are those of which something can be said; `errors` of them are probably
    mislabelled. `names` are the labels or clusters that numbers in the arrays stand for, and
    `named_after` the labels that clusters have their names from; empty in older files.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    kind: Kind
    collection_uid: str
    fingerprint: str
    target: str
    seq: int
    made_at: float = Field(allow_inf_nan=False)
    items: int = Field(ge=0)
    judged: int = Field(ge=0)
    errors: int = Field(default=0, ge=0)
    names: tuple[str, ...] = ()
    named_after: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """A list or a map: its arrays by name, and what it was made from."""

    origin: Origin
    arrays: Arrays

    def summary(self) -> dict[str, Any]:
        """For programs: how many items there are, and what came of them."""
        origin = self.origin
        told: dict[str, Any] = {"items": origin.items, "judged": origin.judged}
        if origin.kind == "mislabelled":
            told |= {"target": origin.target, "probable_errors": origin.errors}
        if origin.kind == "map":
            return {"items": origin.items, "clusters": len(origin.names)}
        return {**told, "listed": len(self.arrays["keys"])}


def save_overview(paths: DataPaths, collection: str, made: Overview) -> None:
    """Replace the stored overview of this kind atomically.

    Raises:
        StorageError: It could not be written; an existing one stays.
    """
    origin = made.origin
    file = _file_of(paths.overviews(collection), origin.kind, origin.fingerprint, origin.target)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for former in file.parent.glob(f"{origin.kind}-*.safetensors"):
            if former != file and _is_obsolete(former, origin):
                former.unlink(missing_ok=True)
        replace_synced(file, packed(origin.model_dump_json(), made.arrays))
    except OSError as error:
        raise storage_error(error, f"writing {origin.kind}", file) from error


def load_overview(
    catalog: Catalog, record: Collection, kind: Kind, target: str = "label"
) -> Overview:
    """Read an overview of a collection in its encoder's space.

    Raises:
        OverviewNotFoundError: It was not made yet, or is damaged.
    """
    folder = catalog.paths.overviews(record.name)
    file = _file_of(folder, kind, record.fingerprint or "", target)
    makes = f"{overview_command(kind, record.name, target)} makes it"
    missing = OverviewNotFoundError("it was not made yet", where=kind, fix=makes)
    try:
        found = _read(file)
    except FileNotFoundError:
        raise missing from None
    except (OSError, ValueError) as error:
        log.warning("%s is not used: %s", file, error)
        what = "what was made is damaged"
        raise OverviewNotFoundError(what, where=kind, fix=f"{makes} anew") from error
    if found.origin.collection_uid != record.uid or found.origin.seq > catalog.seq():
        raise missing
    return found


def damaged_overviews(paths: DataPaths) -> Iterator[tuple[Path, str]]:
    """List the stored overviews that cannot be read, and what is wrong with each."""
    for file in sorted(paths.root.glob("overviews/*/*.safetensors")):
        try:
            _read(file)
        except FileNotFoundError:
            continue  # replaced meanwhile
        except (OSError, ValueError) as error:
            yield file, str(error)


def made_anew_by(file: Path) -> str:
    """Return the command that makes an overview again; of the labels where it does not say."""
    kind, collection = file.name.partition("-")[0], file.parent.name
    try:
        target = Origin.model_validate_json(read_header(file)).target
    except (OSError, ValueError):
        target = "label"
    return overview_command(kind, collection, target)


def _read(file: Path) -> Overview:
    """Read a file; raise ValueError with what is wrong, or OSError."""
    header, arrays = read_arrays(file)
    return Overview(Origin.model_validate_json(header), arrays)


def _is_obsolete(file: Path, now: Origin) -> bool:
    """Return whether a file is of another encoder or collection, or damaged."""
    try:
        found = _read(file).origin
    except (OSError, ValueError):
        return True
    return (found.collection_uid, found.fingerprint) != (now.collection_uid, now.fingerprint)


def _file_of(folder: Path, kind: Kind, fingerprint: str, target: str) -> Path:
    """Return the path of an overview; targets can be any text, so it uses a hash."""
    text = f"{fingerprint}\n{target}"
    digest = hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest()
    return folder / f"{kind}-{digest}.safetensors"
