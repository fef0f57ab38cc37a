"""Exported networks on disk: written to a temporary folder, sealed with checksums, then renamed.

A seal records how an export was made and the SHA-256 of its files. An export that is damaged, or
was made in another way than today's, is not used.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NETWORK = "network.xml"
"""OpenVINO's description of the network; the weights are in `network.bin`."""

_FILES = (NETWORK, "network.bin")
_SEAL = "seal.json"

Making = Mapping[str, Any]
"""How an export is made: versions and constants, as JSON."""


@contextmanager
def written_aside(folder: Path) -> Iterator[Path]:
    """Create a folder beside `folder` for an export; what is left of it is deleted at the end."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def put_in_place(aside: Path, folder: Path, making: Making) -> None:
    """Seal an export and rename it to `folder`."""
    (aside / _SEAL).write_text(json.dumps(_seal(aside, making)))
    shutil.rmtree(folder, ignore_errors=True)
    try:
        os.rename(aside, folder)
    except OSError:
        if not folder.exists():  # else another process was faster, with an equal copy
            raise


def copy_export(export: Path, folder: Path) -> None:
    """Copy the files of an export, without its seal."""
    for name in _FILES:
        shutil.copyfile(export / name, folder / name)


def is_sealed(folder: Path, making: Making) -> bool:
    """Return whether an undamaged export exists that was made that way."""
    try:
        return bool(json.loads((folder / _SEAL).read_text()) == _seal(folder, making))
    except (OSError, ValueError):
        return False


def damaged_exports(parent: Path) -> Iterator[Path]:
    """List the exports in a folder whose files do not match their seals."""
    for seal in sorted(parent.glob("[!.]*/seal.json")):
        try:
            sealed = json.loads(seal.read_text())["sha256"]
            is_sound = bool(sealed == _checksums(seal.parent))
        except (OSError, ValueError, KeyError, TypeError):
            is_sound = False
        if not is_sound and seal.parent.exists():  # else it is being made again
            yield seal.parent


def _seal(folder: Path, making: Making) -> dict[str, Any]:
    return {**making, "sha256": _checksums(folder)}


def _checksums(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in _FILES}
