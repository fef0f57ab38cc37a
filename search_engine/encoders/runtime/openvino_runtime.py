"""OpenVINO as a runtime: several times faster than torch on a CPU.

It computes in bfloat16 if that is native and accurate enough.
"""

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine import forks
from search_engine.encoders.runtime.base import NetworkSource, Runtime, described
from search_engine.encoders.runtime.openvino_export import (
    float_precision,
    import_openvino,
    is_inherited,
    making,
    openvino_core,
    read_network,
)
from search_engine.encoders.runtime.precision import lowest_precision
from search_engine.encoders.runtime.requests import Requests
from search_engine.records import Pixels

BATCH = 8
"""Pictures a request, at most; larger requests were slower on 2 cores."""

PRECISION_NAMES = {"bf16": "bfloat16", "f32": "float32"}


class OpenVinoRuntime:
    """Run a network on the CPU with as many parallel requests as suit the cores."""

    def __init__(
        self, network: Any, dimension: int, precision: str, hint: str, remark: str = ""
    ) -> None:
        """Compile a network.

        Args:
            network: openvino's model: pixels (N, H, W, 3) uint8 in, features (N, dimension) out.
            dimension: Width of the features.
            precision: The precision, for people.
            hint: The type that floating-point layers compute in: `bf16` or `f32`.
            remark: Why the precision is not lower, for people.
        """
        _meet_numpy()
        compiled = openvino_core().compile_model(
            network,
            "CPU",
            {**_parallelism(), "INFERENCE_PRECISION_HINT": hint},
        )
        self.lanes = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        requests = [_OpenVinoRequest(compiled.create_infer_request()) for _ in range(self.lanes)]
        self._requests = Requests(requests, dimension)
        self.description = described("openvino", precision, "CPU", remark)
        forks.follow(self)

    def before_fork(self) -> None:
        """See Follower."""

    def after_fork(self, torn: bool) -> None:
        """See Follower."""
        forks.keep_forever(self)

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        """See Runtime; a small batch is spread over all free lanes."""
        return self._requests.run(pixels, min(BATCH, math.ceil(len(pixels) / self.lanes)))


def openvino_runtime(source: NetworkSource) -> OpenVinoRuntime:
    """Load a floating-point runtime: mostly bfloat16 if that is native and accurate enough."""

    def load(precision: str, remark: str = "") -> OpenVinoRuntime:
        network, dimension = read_network(source, precision), source.spec.dimension
        return OpenVinoRuntime(network, dimension, PRECISION_NAMES[precision], precision, remark)

    if float_precision() == "f32":
        return load("f32")
    way = json.dumps(making("bf16"), sort_keys=True)
    return lowest_precision(
        source, way, lambda: load("bf16"), lambda remark: load("f32", remark), _reference
    )


def _reference(source: NetworkSource) -> Runtime:
    """Import torch only here: it takes seconds, and is needed for unknown processors only."""
    from search_engine.encoders.runtime.torch_runtime import reference_runtime

    return reference_runtime(source)


def _parallelism() -> dict[str, str]:
    """Choose OpenVINO's own threads; in a forked child only those that call it."""
    return {"NUM_STREAMS": "0"} if is_inherited() else {"PERFORMANCE_HINT": "THROUGHPUT"}


def _meet_numpy() -> None:
    """Let openvino's bindings look up NumPy while only one thread uses them.

    Two threads that pass the first arrays at the same moment deadlock the process: one waits for
    the interpreter lock, the other holds it and waits for the look-up.
    """
    openvino = import_openvino()
    assert openvino.Tensor(np.zeros(1, dtype=np.uint8)).data.shape == (1,)


class _OpenVinoRequest:
    """One of OpenVINO's own asynchronous requests."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self._pixels: Pixels | None = None

    def start(self, pixels: Pixels) -> None:
        self._pixels = np.ascontiguousarray(pixels)  # read in place, so it must stay alive
        self._request.start_async({0: self._pixels}, share_inputs=True)

    def finish(self) -> NDArray[np.float32]:
        self._request.wait()
        return self._request.get_output_tensor(0).data  # type: ignore[no-any-return]
