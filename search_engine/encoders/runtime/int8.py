"""int8 in OpenVINO by post-training quantisation: faster still, and used on request only.

NNCF determines the range of values of each layer on pictures, and rounds weights and activations to
256 steps (Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", CVPR 2018). How close the result is to float32 depends on
network and pictures, so it is judged before it is kept: see `search_engine.adapt.int8`.
"""

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from search_engine.encoders.runtime.base import NetworkSource
from search_engine.encoders.runtime.exports import (
    NETWORK,
    Making,
    is_sealed,
    put_in_place,
    written_aside,
)
from search_engine.encoders.runtime.openvino_export import (
    CONVOLUTIONS,
    convert,
    float_precision,
    import_openvino,
    openvino_core,
    save,
)
from search_engine.encoders.runtime.openvino_runtime import OpenVinoRuntime
from search_engine.errors import EncoderError
from search_engine.records import Pixels

FLOAT_CONVOLUTIONS = 3
"""First convolutions to leave in float32. With all 49 of the default network in int8, photos of a
real catalog have a mean cosine of 0.9969 and one in a hundred is below 0.990; with these three in
float32, 0.9982 and 0.995."""

COMMAND = "eyedex encoders --calibrate-int8"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An int8 network that is not in use yet; `keep` installs it."""

    runtime: OpenVinoRuntime
    keep: Callable[[], None]


def int8_runtime(source: NetworkSource) -> OpenVinoRuntime:
    """Load the int8 network that was calibrated and accepted.

    Raises:
        EncoderError: It is missing, damaged, or made by another version.
    """
    folder = _folder(source)
    if not is_sealed(folder, _making()):
        raise EncoderError(
            f"{source.spec.name} has no int8 network that this version made",
            where=str(folder),
            fix=f"run `{COMMAND}`, or choose another runtime",
        )
    return _runtime(folder, source)


def has_int8(source: NetworkSource) -> bool:
    """Return whether `int8_runtime` would find a network."""
    return source.cache is not None and is_sealed(_folder(source), _making())


@contextmanager
def calibrated(source: NetworkSource, pixels: Pixels) -> Iterator[Candidate]:
    """Quantise a network with some pictures; it is deleted at the end unless it was kept.

    Args:
        source: The network; it has a cache.
        pixels: About 300 pictures like those to encode, as `Runtime.run` takes them.

    Raises:
        EncoderError: NNCF is not installed.
    """
    folder = _folder(source)
    with written_aside(folder) as aside:
        save(_quantized(convert(source), pixels), aside, frozenset(range(FLOAT_CONVOLUTIONS + 1)))
        runtime = _runtime(aside, source)
        yield Candidate(runtime, lambda: put_in_place(aside, folder, _making()))


def _quantized(network: Any, pixels: Pixels) -> Any:
    """Round the layers of the network by NNCF, suppressing its output."""
    nncf = import_nncf()
    convolutions = [
        layer.get_friendly_name()
        for layer in network.get_ordered_ops()
        if layer.get_type_name() in CONVOLUTIONS
    ]
    with redirect_stdout(io.StringIO()):
        return nncf.quantize(
            network,
            nncf.Dataset([pixels[row : row + 1] for row in range(len(pixels))]),
            preset=nncf.QuantizationPreset.PERFORMANCE,
            subset_size=len(pixels),
            fast_bias_correction=False,
            ignored_scope=nncf.IgnoredScope(names=convolutions[:FLOAT_CONVOLUTIONS]),
        )


def import_nncf() -> Any:
    """Import nncf, with its telemetry disabled.

    Raises:
        EncoderError: It is not installed.
    """
    import_openvino()  # disables the telemetry of both
    if find_spec("nncf") is None:
        raise EncoderError(
            "calibrating for int8 needs NNCF, which is not installed",
            fix="pip install 'eyedex[int8]'",
        )
    import nncf

    nncf.set_log_level(logging.ERROR)
    return nncf


def _runtime(folder: Path, source: NetworkSource) -> OpenVinoRuntime:
    network = openvino_core().read_model(folder / NETWORK)
    return OpenVinoRuntime(network, source.spec.dimension, "int8", float_precision())


def _folder(source: NetworkSource) -> Path:
    if source.cache is None:
        raise EncoderError("an int8 network is kept in a data directory, and there is none")
    return source.cache / f"{source.spec.fingerprint}-int8"


def _making() -> Making:
    return {
        "openvino": import_openvino().__version__,
        "precision": "int8",
        "float_convolutions": FLOAT_CONVOLUTIONS,
    }
