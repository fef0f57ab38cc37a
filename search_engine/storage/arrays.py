"""Files of arrays with a description in JSON, which prove that they are whole.

The format is `safetensors`: numbers and text, nothing executable. A checksum covers all of it.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
"""Arrays by name."""


def packed(header: str, arrays: Arrays) -> bytes:
    """Return the bytes of a file with a header and arrays."""
    from safetensors.numpy import save

    return save(dict(arrays), {"header": header, "sha256": digest_of(header, arrays)})


def read_arrays(file: Path) -> tuple[str, dict[str, NDArray[Any]]]:
    """Read header and arrays.

    Raises:
        OSError: There is no such file, or it cannot be read.
        ValueError: It is damaged, or of another kind.
    """
    described, arrays = _contents(file)
    header = _header(described)
    if digest_of(header, arrays) != described["sha256"]:
        raise ValueError("it does not match its checksum")
    return header, arrays


def read_header(file: Path) -> str:
    """Read the header, without reading or verifying the arrays; raises as `read_arrays`."""
    return _header(_contents(file, with_arrays=False)[0])


def digest_of(header: str, arrays: Arrays) -> str:
    """Return the checksum that a file has for its header and arrays."""
    digest = hashlib.sha256(header.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _header(described: Mapping[str, str]) -> str:
    if set(described) != {"header", "sha256"}:
        raise ValueError("it has no description")
    return described["header"]


def _contents(
    file: Path, with_arrays: bool = True
) -> tuple[Mapping[str, str], dict[str, NDArray[Any]]]:
    """Read the texts and the arrays of a file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as opened:
            names = opened.keys() if with_arrays else ()
            return opened.metadata() or {}, {name: opened.get_tensor(name) for name in names}
    except (SafetensorError, TypeError, AttributeError) as error:
        raise ValueError(f"it cannot be read: {error}") from error
