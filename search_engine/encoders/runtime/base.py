"""The seam between a network and what computes it."""

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


class Runtime(Protocol):
    """Runs one network; agrees with float32 torch to a cosine of 0.999, in int8 of 0.99.

    At most `lanes` threads at a time may call it: `search_engine.encoders.batching` sees to that.
    """

    @property
    def lanes(self) -> int:
        """How many runs at a time keep the machine busy."""
        ...

    @property
    def description(self) -> str:
        """Name, precision and device, for people; and why it is no lower precision."""
        ...

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        """Features of shape (N, dimension), float32, not normalised; N is at least 1."""
        ...


@dataclass(frozen=True, slots=True)
class NetworkSource:
    """A network that need not exist yet.

    `build` imports torch and makes the module: pixels of shape (N, H, W, 3), uint8, in; pooled
    features (N, dimension) out, normalisation of the samples included. `cache` is a folder where
    exported forms are kept under the fingerprint, or None; `keep` allows to add to it.
    """

    spec: EncoderSpec
    build: Callable[[], "nn.Module"]
    cache: Path | None = None
    keep: bool = True


def described(name: str, precision: str, device: str, remark: str = "") -> str:
    """The description of a runtime: `openvino bfloat16 on CPU`, with a remark in brackets."""
    return f"{name} {precision} on {device}" + (f" ({remark})" if remark else "")
