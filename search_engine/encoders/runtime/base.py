"""The protocol of runtimes, which compute a network."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.base import EncoderSpec
from search_engine.records import Pixels

if TYPE_CHECKING:
    from torch import nn


LEAST_ON_PROBES = 0.9991
"""Cosine to float32 that each synthetic picture must reach, so that real ones reach 0.999. The
default network reaches 0.9993; MobileNetV3 with random weights, for which some photos are below
0.999, reaches 0.9970 to 0.9990."""


class Runtime(Protocol):
    """Computes a network; agrees with float32 torch to a cosine of 0.999, with int8 to 0.99.

    At most `lanes` threads at a time may call it: `search_engine.encoders.batching` sees to that.
    """

    @property
    def lanes(self) -> int:
        """The number of simultaneous runs that keeps the machine busy."""
        ...

    @property
    def description(self) -> str:
        """Name, precision and device, for people, and why the precision is not lower."""
        ...

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        """Compute features (N, dimension), float32, not normalised; N is at least 1."""
        ...


@dataclass(frozen=True, slots=True)
class NetworkSource:
    """A network that is only built when needed.

    `build` imports torch and builds the module: pixels of shape (N, H, W, 3), uint8, in; pooled
    features (N, dimension) out, including normalisation of the samples. `cache` is a folder for
    exported networks by fingerprint, or None; `keep` allows adding to it. A lower precision is
    used from `least_on_probes` on.
    """

    spec: EncoderSpec
    build: Callable[[], "nn.Module"]
    cache: Path | None = None
    keep: bool = True
    least_on_probes: float = LEAST_ON_PROBES


def described(name: str, precision: str, device: str, remark: str = "") -> str:
    """Describe a runtime: `openvino bfloat16 on CPU`, with a remark in brackets."""
    return f"{name} {precision} on {device}" + (f" ({remark})" if remark else "")
