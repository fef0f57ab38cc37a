"""int8 in OpenVINO by post-training calibration: faster still, and asked for by name only.

NNCF finds the range of values of each layer on pictures and rounds weights and activations to 256
steps of it (Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", CVPR 2018). How near the outcome is to float32 depends on the
network and on the pictures, so it is judged before it is kept: see
`search_engine.adapt.int8`.
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
"""The first convolutions are not rounded. With all 49 of the default network in int8, photos of a
real catalog reach a cosine of 0.9969 in the mean and one in a hundred less than 0.990; with these
three left in float32, 0.9982 and 0.995."""

COMMAND = "eyedex encoders --calibrate-int8"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An int8 network that is not in use yet; `keep` puts it in place."""

    runtime: OpenVinoRuntime
    keep: Callable[[], None]


def int8_runtime(source: NetworkSource) -> OpenVinoRuntime:
    """The int8 network that was calibrated and found good enough.

    Raises:
        EncoderError: There is none, or it was made by another version or is damaged.
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
    """Whether `int8_runtime` would find one."""
    return source.cache is not None and is_sealed(_folder(source), _making())


@contextmanager
def calibrated(source: NetworkSource, pixels: Pixels) -> Iterator[Candidate]:
    """An int8 network made with some pictures; it is gone afterwards unless it was kept.

    Args:
        source: The network; it has a cache.
        pixels: Pictures like those that will be encoded, some 300, as `Runtime.run` takes them.

    Raises:
        EncoderError: NNCF is not installed.
    """
    folder = _folder(source)
    with written_aside(folder) as aside:
        save(_quantized(convert(source), pixels), aside, frozenset(range(FLOAT_CONVOLUTIONS + 1)))
        runtime = _runtime(aside, source)
        yield Candidate(runtime, lambda: put_in_place(aside, folder, _making()))


def _quantized(network: Any, pixels: Pixels) -> Any:
    """The network with rounded layers, by NNCF; what that prints is not for our users."""
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
    """The nncf package, with its telemetry shut off.

    Raises:
        EncoderError: It is not installed.
    """
    import_openvino()  # shuts off the telemetry of both
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
