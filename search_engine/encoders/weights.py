"""Weights files: read without executing anything in them, and loaded into networks by name.

There are two formats: `.safetensors`, and state dicts written by `torch.save`, with any other
suffix.
"""

import hashlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_engine.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn

NAMES_SHOWN = 3
SAFE_SUFFIX = ".safetensors"
COUNTER = "num_batches_tracked"
"""Counter of batch normalisation; useless after training, and missing in old files."""


def file_sha256(path: Path) -> str:
    """Return the hex digest of a weights file.

    Raises:
        WeightsError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"the weights cannot be read: {error.strerror}", where=str(path)
        ) from error


def read_state(path: Path) -> "dict[str, Tensor]":
    """Read the tensors of a file by name, in file order (not for `.safetensors`).

    Raises:
        WeightsError: It is not a state dict, or needs code in the file to be restored.
    """
    state: Any
    try:
        state = _read_safetensors(path) if path.suffix == SAFE_SUFFIX else _read_pickled(path)
    except Exception as error:  # damaged or hostile files raise nearly anything
        raise WeightsError(
            "the file is not a state dict that can be read safely", where=str(path)
        ) from error
    if not _is_state(state):
        raise WeightsError("the file holds no state dict", where=str(path))
    return state  # type: ignore[no-any-return]


def _read_safetensors(path: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(path)


def _read_pickled(path: Path) -> Any:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of foreign pickles; the error says what is wrong
        return torch.load(path, map_location="cpu", weights_only=True)


def _is_state(state: Any) -> bool:
    import torch

    return isinstance(state, dict) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items()
    )


def fill(
    network: "nn.Module",
    state: "Mapping[str, Tensor]",
    unused: Sequence[str],
    encoder: str,
    path: Path,
) -> None:
    """Load weights into a network without a classifier.

    Args:
        network: Changed in place.
        state: Tensors by the network's names for them.
        unused: Names of modules that the file may hold but the network lacks: classifiers, with any
            number of classes.
        encoder: The network's name, for errors.
        path: The origin of the weights, for errors.

    Raises:
        WeightsError: Tensors are missing, unexpected or of another shape; the message names a few.
    """
    wanted = network.state_dict()
    found = {name: state[name] for name in state if not _is_below(name, unused)}
    shared = wanted.keys() & found.keys()
    wrong = {
        "missing": [n for n in wanted if n not in shared and not n.endswith(COUNTER)],
        "unexpected": [n for n in found if n not in shared and not n.endswith(COUNTER)],
        "of another shape": [
            n for n in wanted if n in shared and wanted[n].shape != found[n].shape
        ],
    }
    faults = [f"{what}: {_first_few(names)}" for what, names in wrong.items() if names]
    if faults:
        raise WeightsError(
            f"the weights do not fit {encoder}; {'; '.join(faults)}",
            where=str(path),
            fix="they have to be of the same architecture; only the number of classes may differ",
        )
    wanted.update(found)  # keeps the versions of layers, which some require
    network.load_state_dict(wanted)


def _is_below(name: str, modules: Iterable[str]) -> bool:
    return any(name.startswith(f"{module}.") for module in modules)


def _first_few(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
