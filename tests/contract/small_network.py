"""A network of a few layers that every runtime can run in no time."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search_engine.encoders.base import EncoderSpec
from search_engine.encoders.runtime.base import NetworkSource
from search_engine.images import Preprocessing
from search_engine.records import Pixels

if TYPE_CHECKING:
    from torch import nn

SIDE = 32
DIMENSION = 24
CONVOLUTIONS = 14

SPEC = EncoderSpec("small", DIMENSION, Preprocessing(size_px=SIDE, resize_px=SIDE))


def small_network(cache: Path | None = None) -> NetworkSource:
    """Convolutions with random weights that keep the size of the signal, then the mean."""
    return NetworkSource(SPEC, _build, cache)


def noise(count: int, seed: int = 0) -> Pixels:
    """Pictures of coloured noise, each with a colour and contrast of its own."""
    rng = np.random.default_rng(seed)
    colours = rng.uniform(0, 255, (count, 1, 1, 3))
    contrast = rng.uniform(5, 60, (count, 1, 1, 1))
    pixels = colours + contrast * rng.normal(size=(count, SIDE, SIDE, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _build() -> "nn.Module":
    import torch
    from torch import nn

    class PixelsToFeatures(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            layers: list[nn.Module] = []
            for number in range(CONVOLUTIONS):
                inputs = DIMENSION if number else 3
                layer = nn.Conv2d(inputs, DIMENSION, 3, padding=1)
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                layers += [layer, nn.ReLU()]
            self.layers = nn.Sequential(*layers)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            samples = pixels.permute(0, 3, 1, 2).float() / 128 - 1
            features: torch.Tensor = self.layers(samples).mean(dim=(2, 3))
            return features

    return PixelsToFeatures()
