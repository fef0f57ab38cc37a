"""Networks as encoders: a trunk behind a runtime, pooled and normalised.

torch is imported only to build a network; an exported network starts without it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from search_engine.encoders.base import EncoderSpec, unit_rows
from search_engine.encoders.batching import BatchedRuntime
from search_engine.encoders.poolings import POSITIONS, SIDE, mean_of_views
from search_engine.encoders.positions import Positions, adds_up, no_positions, unit_positions
from search_engine.encoders.registry import EncoderRequest
from search_engine.encoders.runtime import RuntimeChoice, load_runtime
from search_engine.encoders.runtime.base import LEAST_ON_PROBES, NetworkSource
from search_engine.encoders.runtime.probes import probe_pictures
from search_engine.errors import ParameterError
from search_engine.records import Pixels, Vectors

if TYPE_CHECKING:
    from torch import nn


LEAST_ON_SPLIT_PROBES = 0.99
"""Cosine to float32 that a split network must reach on synthetic pictures: heat maps need no more,
and a hundred times the numbers differ more than their sums."""


CHECKED = 2
"""Synthetic pictures whose positions must add up before a network is taken to be split."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """How a network is built: normalised samples (N, 3, H, W) in, features (N, D) out.

    `split` builds it with its features split over positions, (N, D, SIDE, SIDE). With `mirrored`
    the features of each picture and of its mirror image are averaged. `least_on_probes` is what
    bfloat16 must reach on synthetic pictures for real ones to reach 0.999; see `NetworkSource`.
    """

    build: "Callable[[], nn.Module]"
    split: "Callable[[], nn.Module]"
    mirrored: bool = False
    least_on_probes: float = LEAST_ON_PROBES


class CnnEncoder:
    """A network behind a runtime; `split` is the same with its features split over positions."""

    def __init__(
        self, request: EncoderRequest, source: NetworkSource, split: NetworkSource
    ) -> None:
        self.spec = source.spec
        self.source = source
        self._split_source = split
        self._choice = request.runtime
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

    def positions(self, pixels: Pixels) -> Positions:
        """See PositionEncoder; the network for it is loaded when it is first asked for."""
        if len(pixels) == 0:
            return np.empty((0, SIDE, SIDE, self.spec.dimension), dtype=np.float32)
        if self._split_runtime is None:
            raise no_positions(self.spec)
        return unit_positions(_split(self._split_runtime, pixels))

    @cached_property
    def _split_runtime(self) -> BatchedRuntime | None:
        """The network split over positions; None if it does more than to pool what it sees there.

        Two threads may both load it at first, which costs time and does no harm.
        """
        choice: RuntimeChoice = "openvino" if self._choice == "openvino-int8" else self._choice
        try:
            runtime = BatchedRuntime(partial(load_runtime, choice, self._split_source))
        except ParameterError:  # it pools no map at all
            return None
        probes = probe_pictures(self.spec.preprocessing.size_px)[:CHECKED]
        sums = _split(runtime, probes).sum(axis=(1, 2))
        return runtime if adds_up(sums, self._runtime.run(probes)) else None


def network_encoder(request: EncoderRequest, spec: EncoderSpec, trunk: Trunk) -> CnnEncoder:
    """Make an encoder of a network that is only built when needed.

    Args:
        request: Runtime and cache.
        spec: The identity of the encoder.
        trunk: Makes the network.
    """
    return CnnEncoder(request, *network_sources(request, spec, trunk))


def network_sources(
    request: EncoderRequest, spec: EncoderSpec, trunk: Trunk
) -> tuple[NetworkSource, NetworkSource]:
    """The network of a trunk for a runtime, and the same with its features split over positions."""
    spec = spec.as_made(request.fingerprint)
    split = replace(spec, pooling=f"{spec.pooling} split", dimension=spec.dimension * POSITIONS)

    def build() -> "nn.Module":
        return _with_normalisation(trunk.build(), spec, trunk.mirrored, is_split=False)

    def build_split() -> "nn.Module":
        return _with_normalisation(trunk.split(), spec, trunk.mirrored, is_split=True)

    return (
        NetworkSource(spec, build, request.cache, request.keep, trunk.least_on_probes),
        NetworkSource(split, build_split, request.cache, request.keep, LEAST_ON_SPLIT_PROBES),
    )


def _split(runtime: BatchedRuntime, pixels: Pixels) -> Positions:
    """The parts of features by position, not normalised, (N, SIDE, SIDE, D)."""
    found = runtime.run(pixels)
    return found.reshape(len(found), -1, SIDE, SIDE).transpose(0, 2, 3, 1)


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


def _with_normalisation(
    trunk: "nn.Module", spec: EncoderSpec, mirrored: bool, is_split: bool
) -> "nn.Module":
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
            if mirrored and is_split:
                here, mirror = features.chunk(2)
                features = torch.cat([here, mirror.flip(3)])
            features = features.flatten(1)
            return mean_of_views(features) if mirrored else features

    return PixelsToFeatures().eval()
