"""Export networks to OpenVINO's format, stored in the data directory.

The next start needs neither torch nor a conversion. Damaged or outdated exports are made again.
"""

import errno
import logging
import math
import os
import sys
import tempfile
import warnings
from collections.abc import Set
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from search_engine.encoders.runtime.base import NetworkSource
from search_engine.encoders.runtime.exports import (
    NETWORK,
    Making,
    copy_export,
    is_sealed,
    put_in_place,
    written_aside,
)
from search_engine.encoders.runtime.machine_cache import find_export, keep_export
from search_engine.encoders.runtime.rounding import round_to_bfloat16
from search_engine.errors import StorageFullError

log = logging.getLogger(__name__)

PRECISE_CONVOLUTIONS = frozenset({0, 1, 2, 3, 17, 18, 19, 20})
"""Convolutions to keep in float32 under bfloat16, each with what follows it up to the next; 0 is
what comes before the first. The first process the most pixels and lose the most; the later ones
cost little and help the worst photos. With them and carefully rounded weights
(`search_engine.encoders.runtime.rounding`) the mean cosine to float32 torch is 0.9997, and 2 of
1,138 photos are below 0.999, the worst at 0.9988; plain bfloat16 reaches 0.9990 and 0.9895."""

CONVOLUTIONS = ("Convolution", "GroupConvolution")
_NOT_COMPUTED = ("Const", "Parameter", "Result")
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)


def import_openvino() -> Any:
    """Import openvino with its telemetry disabled.

    openvino's converter and NNCF report usage over the network unless the telemetry package cannot
    be imported; then they fall back to stubs. This function makes that import fail before either is
    imported for the first time.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@cache
def openvino_core() -> Any:
    """Return OpenVINO's core, one for the life of the process.

    On a CPU with AMX its plugin gives the loading thread a signal stack, and unmaps that when it is
    unloaded, even by another thread. The next signal to the loading thread, such as Ctrl-C, would
    then end the process; so it is never unloaded.
    """
    _home()
    return import_openvino().Core()


def is_inherited() -> bool:
    """Return whether OpenVINO was loaded by the process from which this one was forked.

    Its threads do not exist here then, but it would still give work to the idle ones.
    """
    return _home() != os.getpid()


@cache
def _home() -> int:
    """Return the id of the process that loaded OpenVINO."""
    return os.getpid()


def float_precision() -> str:
    """Return the type that floating-point layers compute in here: `bf16` if native, else `f32`."""
    capabilities = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in capabilities else "f32"


def read_network(source: NetworkSource, precision: str) -> Any:
    """Load the network for a precision from the cache, else convert it from torch and store it.

    Instead of converting it again, what another data directory of this user had is copied. If
    nothing can be written, it is converted each time, by way of the folder for temporary files.

    Raises:
        StorageFullError: There is no room in that folder either.
    """
    if source.cache is None:
        return _passing(source, precision)
    folder, wanted = source.cache / source.spec.fingerprint, making(precision)
    if not is_sealed(folder, wanted):
        if not source.keep:
            return _passing(source, precision)
        try:
            with written_aside(folder) as aside:
                _bring(source, precision, aside, wanted)
                put_in_place(aside, folder, wanted)
        except OSError as error:
            if error.errno not in _NOT_WRITABLE:
                raise
            return _passing(source, precision)
    return openvino_core().read_model(folder / NETWORK)


def _bring(source: NetworkSource, precision: str, folder: Path, wanted: Making) -> None:
    """Put an export into a folder: a copy of one of this machine, else a new one."""
    fingerprint = source.spec.fingerprint
    if (found := find_export(fingerprint, wanted)) is not None:
        copy_export(found, folder)
        return
    _export(source, precision, folder)
    keep_export(folder, fingerprint, wanted)


def _passing(source: NetworkSource, precision: str) -> Any:
    with tempfile.TemporaryDirectory(prefix="eyedex-") as temporary:
        try:
            _export(source, precision, Path(temporary))
        except OSError as error:
            raise StorageFullError(
                "no space is left to convert the network",
                where=tempfile.gettempdir(),
                fix="free some space there or at the data directory",
            ) from error
        return openvino_core().read_model(Path(temporary) / NETWORK)


def convert(source: NetworkSource) -> Any:
    """Convert the network to an openvino model in float32: pixels in, features out, any batch."""
    import torch

    openvino = import_openvino()
    size = source.spec.preprocessing.size_px
    example = torch.zeros((1, size, size, 3), dtype=torch.uint8)
    shape = openvino.PartialShape([-1, size, size, 3])
    mha = torch.backends.mha
    was_fused = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)  # its fused attention is no operator that can be converted
    try:
        with warnings.catch_warnings():
            # sizes are the same each time
            warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
            traced = _decoder()(
                source.build().eval(), example_input=example, trace_kwargs={"check_trace": False}
            )
            return openvino.convert_model(
                traced, example_input=example, input=[(shape, openvino.Type.u8)]
            )
    finally:
        mha.set_fastpath_enabled(was_fused)


def _decoder() -> Any:
    """OpenVINO's reader of torch networks, which can be told not to trace them three times."""
    import_openvino()
    from openvino.frontend.pytorch import ts_decoder

    return ts_decoder.TorchScriptPythonDecoder


def save(model: Any, folder: Path, precise: Set[int]) -> None:
    """Write a model with some convolutions marked to keep their precision.

    `precise` has their numbers, from 1; each includes what follows it up to the next, and 0 is what
    comes before the first. The mark is OpenVINO's runtime attribute `precise` (class
    DisableFP16Compression), which its Python interface cannot set but its file format can hold.
    """
    try:
        import_openvino().save_model(model, folder / NETWORK, compress_to_fp16=False)
    except RuntimeError as error:  # all that it says of a disk that takes nothing
        if "iostream" not in str(error):
            raise
        raise OSError(errno.ENOSPC, "no space is left for the network", str(folder)) from error
    tree = ElementTree.parse(folder / NETWORK)
    seen = 0
    for layer in tree.findall("./layers/layer"):
        seen += layer.get("type") in CONVOLUTIONS
        if seen in precise and layer.get("type") not in _NOT_COMPUTED:
            info = layer.find("rt_info")
            if info is None:
                info = ElementTree.Element("rt_info")
                layer.insert(0 if layer.find("data") is None else 1, info)
            ElementTree.SubElement(info, "attribute", name="precise", version="0")
    tree.write(folder / NETWORK)


def _export(source: NetworkSource, precision: str, folder: Path) -> None:
    log.warning("preparing the network %s, which takes some seconds", source.spec.name)
    model = convert(source)
    if precision == "bf16":
        _round_weights(model)
    save(model, folder, PRECISE_CONVOLUTIONS if precision == "bf16" else frozenset())


def _round_weights(model: Any) -> None:
    """Round weights of convolutions to bfloat16 better than OpenVINO, which rounds to nearest.

    Filters have shape (output, input, height, width), and one more axis for grouped convolutions.
    """
    constant_of = import_openvino().op.Constant
    layers = (layer for layer in model.get_ordered_ops() if layer.get_type_name() in CONVOLUTIONS)
    for number, layer in enumerate(layers, 1):
        weights = layer.input_value(1).get_node()
        if number in PRECISE_CONVOLUTIONS or weights.get_type_name() != "Constant":
            continue
        axes = 2 if layer.get_type_name() == "GroupConvolution" else 1
        filters = np.ascontiguousarray(weights.data, dtype=np.float32)
        rounded = round_to_bfloat16(filters.reshape(math.prod(filters.shape[:axes]), -1))
        layer.input(1).replace_source_output(constant_of(rounded.reshape(filters.shape)).output(0))


def making(precision: str) -> Making:
    """Return how a network of a precision is exported, to compare with a stored seal."""
    return {
        "openvino": import_openvino().__version__,
        "precision": precision,
        "precise_convolutions": sorted(PRECISE_CONVOLUTIONS),
    }
