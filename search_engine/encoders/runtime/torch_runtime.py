"""torch as a runtime, on a CUDA GPU or the CPU; in float32 it is the reference of all others.

It uses bfloat16 by autocast if that is native and accurate enough, and the channels-last layout.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.base import EncoderSpec
from search_engine.encoders.runtime.base import NetworkSource, described
from search_engine.encoders.runtime.precision import lowest_precision
from search_engine.encoders.runtime.requests import Requests
from search_engine.records import Pixels

if TYPE_CHECKING:
    import torch
    from torch import nn

BATCH = 64
"""Pictures a request, at most."""

PRECISE_CONVOLUTIONS = 6
"""First convolutions to keep in float32 under bfloat16: they process the most pixels and lose the
most. With all in bfloat16 the worst photo had a cosine of 0.9975 to float32 (default network, 256
clothing photos), with four precise ones 0.9990, with six 0.9995."""

REQUESTS = {"cpu": 1, "cuda": 2}
"""On a GPU one batch is copied while the other is computed."""


class TorchRuntime:
    """Run a network without compiling it.

    torch.compile with frozen weights handles 1.5 times the pictures per second with the default
    network, but needs a C++ compiler and 10 to 40 s for each batch size at every start. OpenVINO
    handles 5 times as many and needs neither.
    """

    def __init__(self, source: NetworkSource, device: str, half: bool, remark: str = "") -> None:
        """Build the network on a device; with `half` most of it computes in bfloat16."""
        import torch

        network: Any = source.build().eval().requires_grad_(False)
        if half:
            _keep_first_layers_precise(network, device)
        network = network.to(torch.device(device), memory_format=torch.channels_last)

        def compute(pixels: "torch.Tensor") -> "torch.Tensor":
            with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=half):
                features: torch.Tensor = network(pixels)
                return features.float()

        self.lanes = REQUESTS[device]
        requests = [_TorchRequest(compute, source.spec, device) for _ in range(self.lanes)]
        self._requests = Requests(requests, source.spec.dimension)
        precision = "bfloat16" if half else "float32"
        self.description = described("torch", precision, device.upper(), remark)

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        """See Runtime."""
        return self._requests.run(pixels, BATCH)


def torch_runtime(source: NetworkSource) -> TorchRuntime:
    """Load torch on a CUDA GPU if there is one; bfloat16 if native and accurate enough."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    if not _has_bfloat16(device):
        return TorchRuntime(source, device, half=False)
    name = torch.cuda.get_device_name() if device == "cuda" else device
    return lowest_precision(
        source,
        f"torch {torch.__version__} bfloat16 but for {PRECISE_CONVOLUTIONS} on {name}",
        lambda: TorchRuntime(source, device, half=True),
        lambda remark: TorchRuntime(source, device, half=False, remark=remark),
        reference_runtime,
    )


def reference_runtime(source: NetworkSource) -> TorchRuntime:
    """Load float32 on the CPU: the reference of every other runtime."""
    return TorchRuntime(source, "cpu", half=False)


class _TorchRequest:
    """A batch with its own stream, and its own memory that a GPU can access directly.

    Copies return at once and overlap with the computation of other requests. On a CPU streams and
    events do nothing, and `start` computes before it returns.
    """

    def __init__(
        self,
        compute: "Callable[[torch.Tensor], torch.Tensor]",
        spec: EncoderSpec,
        device: str,
    ) -> None:
        import torch

        pinned = device != "cpu"
        side = spec.preprocessing.size_px
        self._pixels = torch.empty((BATCH, side, side, 3), dtype=torch.uint8, pin_memory=pinned)
        self._features = torch.empty((BATCH, spec.dimension), pin_memory=pinned)
        self._compute = compute
        self._device = torch.device(device)
        self._backend: Any = torch.get_device_module(self._device)
        self._stream = self._backend.Stream()
        self._done = self._backend.Event()
        self._count = 0

    def start(self, pixels: Pixels) -> None:
        self._count = len(pixels)
        self._pixels[: self._count].numpy()[:] = pixels
        with self._backend.stream(self._stream):
            there = self._pixels[: self._count].to(self._device, non_blocking=True)
            self._features[: self._count].copy_(self._compute(there), non_blocking=True)
            self._done.record(self._stream)

    def finish(self) -> NDArray[np.float32]:
        self._done.synchronize()
        return self._features[: self._count].numpy()


def _keep_first_layers_precise(network: "nn.Module", device: str) -> None:
    """Exclude the first convolutions from autocast."""
    from torch import nn

    layers: list[Any] = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    for layer in layers[:PRECISE_CONVOLUTIONS]:
        layer.forward = _in_float32(layer.forward, device)


def _in_float32(forward: "Callable[[torch.Tensor], torch.Tensor]", device: str) -> Any:
    import torch

    def precise(samples: "torch.Tensor") -> "torch.Tensor":
        with torch.autocast(device, enabled=False):
            return forward(samples.float())

    return precise


def _has_bfloat16(device: str) -> bool:
    """Return whether the device has native bfloat16; emulated, it is slower than float32."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "bf16"))
