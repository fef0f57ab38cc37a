"""OpenVINO as runtime: several times faster than torch on a CPU, bfloat16 where it is native.

The converted network is kept below the data directory with its checksums, so that the next start
needs neither torch nor a conversion. A damaged or foreign export is made anew.
"""

import hashlib
import json
import math
import os
import shutil
import sys
import tempfile
from collections import deque
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.runtime.base import NetworkSource
from search_engine.encoders.runtime.rounding import round_to_bfloat16
from search_engine.records import Pixels

BATCH = 8
"""Pictures a request, at most; larger ones were slower on 2 cores."""

PRECISE_CONVOLUTIONS = frozenset({0, 1, 2, 3, 17, 18, 19, 20})
"""These stay in float32 under bfloat16, each with what follows it up to the next; 0 is what comes
before the first. The first see the most pixels and lose the most; the later ones cost little and
hold up the photos that fell lowest. With them and weights that are rounded with care
(`search_engine.encoders.runtime.rounding`) the mean cosine to float32 torch is 0.9997, and 2 of
1,138 photos are below 0.999, the worst at 0.9988; plain bfloat16 reaches 0.9990 and 0.9895."""

_EXPORT = ("network.xml", "network.bin")
_SEAL = "seal.json"
_CONVOLUTIONS = ("Convolution", "GroupConvolution")
_NOT_COMPUTED = ("Const", "Parameter", "Result")


def import_openvino() -> Any:
    """The openvino package with its telemetry shut off.

    openvino's converter reports usage over the network unless its telemetry package cannot be
    imported, in which case it falls back to a stub of its own. That is arranged here, before the
    converter is imported for the first time.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


class OpenVinoRuntime:
    """Runs the network on the CPU with as many parallel requests as the cores want."""

    def __init__(self, source: NetworkSource) -> None:
        openvino = import_openvino()
        core = openvino.Core()
        native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        precision = "bf16" if native else "f32"
        self._compiled = core.compile_model(
            _load_or_convert(openvino, core, source, precision),
            "CPU",
            {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": precision},
        )
        self._dimension = source.spec.dimension
        self.lanes = int(self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._free: SimpleQueue[Any] = SimpleQueue()
        for _ in range(self.lanes):
            self._free.put(self._compiled.create_infer_request())
        self.description = f"openvino {'bfloat16' if native else 'float32'} on CPU"

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        """See Runtime; few pictures are spread over all lanes that are free."""
        features = np.empty((len(pixels), self._dimension), dtype=np.float32)
        size = min(BATCH, math.ceil(len(pixels) / self.lanes))
        running: deque[tuple[Any, int]] = deque()
        try:
            for start in range(0, len(pixels), size):
                request = self._another(running, features) if running else self._free.get()
                running.append((request, start))
                request.start_async({0: np.ascontiguousarray(pixels[start : start + size])})
        finally:
            while running:
                self._free.put(_finished(running, features))
        return features

    def _another(self, running: "deque[tuple[Any, int]]", features: NDArray[np.float32]) -> Any:
        """A free request, or the first of the caller's own when it has finished."""
        try:
            return self._free.get_nowait()
        except Empty:
            return _finished(running, features)


def _finished(running: "deque[tuple[Any, int]]", features: NDArray[np.float32]) -> Any:
    """Wait for the request that was started first and take over its result."""
    request, start = running.popleft()
    request.wait()
    rows = request.get_output_tensor(0).data
    features[start : start + len(rows)] = rows
    return request


def _load_or_convert(openvino: Any, core: Any, source: NetworkSource, precision: str) -> Any:
    if source.cache is None:
        with tempfile.TemporaryDirectory(prefix="eyedex-") as temporary:
            _convert(openvino, source, precision, Path(temporary))
            return core.read_model(Path(temporary) / _EXPORT[0])
    folder = source.cache / source.spec.fingerprint
    if not _is_sealed(folder, openvino.__version__, precision):
        _export(openvino, source, precision, folder)
    return core.read_model(folder / _EXPORT[0])


def _convert(openvino: Any, source: NetworkSource, precision: str, folder: Path) -> None:
    """Write the network in OpenVINO's own format into `folder`, made for a precision."""
    import torch

    size = source.spec.preprocessing.size_px
    example = torch.zeros((1, size, size, 3), dtype=torch.uint8)
    shape = openvino.PartialShape([-1, size, size, 3])
    model = openvino.convert_model(
        source.build().eval(), example_input=example, input=[(shape, openvino.Type.u8)]
    )
    if precision == "bf16":
        _round_weights(openvino, model)
    openvino.save_model(model, folder / _EXPORT[0], compress_to_fp16=False)
    if precision == "bf16":
        _mark_precise_layers(folder / _EXPORT[0])


def _round_weights(openvino: Any, model: Any) -> None:
    """Weights of convolutions as bfloat16 numbers; OpenVINO would take the nearest, which is worse.

    Convolutions have filters (output, input, height, width), and one axis more where they are in
    groups.
    """
    layers = (layer for layer in model.get_ordered_ops() if layer.get_type_name() in _CONVOLUTIONS)
    for number, layer in enumerate(layers, 1):
        weights = layer.input_value(1).get_node()
        if number in PRECISE_CONVOLUTIONS or weights.get_type_name() != "Constant":
            continue
        axes = 2 if layer.get_type_name() == "GroupConvolution" else 1
        filters = np.ascontiguousarray(weights.data, dtype=np.float32)
        rounded = round_to_bfloat16(filters.reshape(math.prod(filters.shape[:axes]), -1))
        constant = openvino.op.Constant(rounded.reshape(filters.shape))
        layer.input(1).replace_source_output(constant.output(0))


def _mark_precise_layers(xml: Path) -> None:
    """Mark operations as not to be computed in a lower precision.

    The mark is OpenVINO's runtime attribute `precise` (its class DisableFP16Compression), which
    its Python interface cannot set but its file format carries.
    """
    tree = ElementTree.parse(xml)
    seen = 0
    for layer in tree.findall("./layers/layer"):
        seen += layer.get("type") in _CONVOLUTIONS
        if seen in PRECISE_CONVOLUTIONS and layer.get("type") not in _NOT_COMPUTED:
            info = layer.find("rt_info")
            if info is None:
                info = ElementTree.Element("rt_info")
                layer.insert(0 if layer.find("data") is None else 1, info)
            ElementTree.SubElement(info, "attribute", name="precise", version="0")
    tree.write(xml)


def _export(openvino: Any, source: NetworkSource, precision: str, folder: Path) -> None:
    """Write aside, seal with checksums, then put in place; a lost race leaves the other's copy."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _convert(openvino, source, precision, aside)
        (aside / _SEAL).write_text(json.dumps(_seal(aside, openvino.__version__, precision)))
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _is_sealed(folder: Path, version: str, precision: str) -> bool:
    try:
        return bool(json.loads((folder / _SEAL).read_text()) == _seal(folder, version, precision))
    except (OSError, ValueError):
        return False


def _seal(folder: Path, version: str, precision: str) -> dict[str, Any]:
    """What an export was made by and with, and what it must be."""
    return {
        "openvino": version,
        "precision": precision,
        "precise_convolutions": sorted(PRECISE_CONVOLUTIONS),
        "sha256": _checksums(folder),
    }


def _checksums(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in _EXPORT}
