"""Networks as encoders: a trunk behind a runtime, pooled and normalised.

torch is imported only to build a network; an exported network starts without it.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from search_engine.encoders.base import EncoderSpec, unit_rows
from search_engine.encoders.batching import BatchedRuntime
from search_engine.encoders.poolings import mean_of_views
from search_engine.encoders.registry import EncoderRequest
from search_engine.encoders.runtime import load_runtime
from search_engine.encoders.runtime.base import NetworkSource
from search_engine.records import Pixels, Vectors

if TYPE_CHECKING:
    from torch import nn


class CnnEncoder:
    """A network behind a runtime."""

    def __init__(self, request: EncoderRequest, source: NetworkSource) -> None:
        self.spec = source.spec
        self.source = source
        self._runtime = BatchedRuntime(partial(load_runtime, request.runtime, source))

    @property
    def runtime(self) -> str:
        """What computes it, for people."""
        return self._runtime.description

    def encode(self, pixels: Pixels) -> Vectors:
        """See Encoder."""
        if len(pixels) == 0:
            return np.empty((0, self.spec.dimension), dtype=np.float32)
        return unit_rows(self._runtime.run(pixels))


def network_encoder(
    request: EncoderRequest,
    spec: EncoderSpec,
    build_trunk: "Callable[[], nn.Module]",
    mirrored: bool = False,
) -> CnnEncoder:
    """Make an encoder of a network that is only built when needed.

    Args:
        request: Runtime and cache.
        spec: The identity of the encoder.
        build_trunk: Makes the network: normalised samples (N, 3, H, W) in, features out.
        mirrored: Average the features of each picture and of its mirror image.
    """

    spec = spec.as_made(request.fingerprint)

    def build() -> "nn.Module":
        return _with_normalisation(build_trunk(), spec, mirrored)

    return CnnEncoder(request, NetworkSource(spec, build, request.cache, request.keep))


def feature_dimension(build_trunk: "Callable[[], nn.Module]", size_px: int) -> int:
    """Return the width of the features, found by running the network on torch's meta device."""
    import torch

    try:
        with torch.device("meta"):
            trunk = build_trunk()
    except NotImplementedError:  # some, such as RegNets, compute with tensors in their constructors
        trunk = build_trunk().to("meta")
    with torch.no_grad():
        features = trunk.eval()(torch.zeros(1, 3, size_px, size_px, device="meta"))
    return int(features.flatten(1).shape[1])


def _with_normalisation(trunk: "nn.Module", spec: EncoderSpec, mirrored: bool) -> "nn.Module":
    """Wrap a trunk: pixels (N, H, W, 3) uint8 in, features (N, dimension) out."""
    import torch
    from torch import nn

    class PixelsToFeatures(nn.Module):
        scale: torch.Tensor
        shift: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.trunk = trunk
            mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in (spec.mean, spec.std))
            self.register_buffer("scale", 1 / (255 * std))
            self.register_buffer("shift", -mean / std)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            samples = pixels.permute(0, 3, 1, 2).float() * self.scale + self.shift
            if mirrored:
                samples = torch.cat([samples, samples.flip(3)])
            features: torch.Tensor = self.trunk(samples)
            features = features.flatten(1)
            return mean_of_views(features) if mirrored else features

    return PixelsToFeatures().eval()
