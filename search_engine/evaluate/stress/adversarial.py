"""Small changes that nobody sees, computed to mislead the encoder.

The fast gradient sign method of Goodfellow, Shlens and Szegedy, "Explaining and harnessing
adversarial examples", ICLR 2015: one step of every sample along the sign of the gradient. The
gradient is that of the similarity to an item of another class, less that to one of the own.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.base import Encoder
from search_engine.encoders.runtime.base import NetworkSource
from search_engine.records import Pixels, Vectors

STEPS = (1.0, 2.0, 4.0)
"""Levels of 255 by which each sample may change: slight, medium, severe."""

BATCH = 16


def network_of(encoder: Encoder) -> NetworkSource | str:
    """The torch network behind an encoder, or the reason why there is none to be attacked."""
    source = getattr(encoder, "source", None)
    if not isinstance(source, NetworkSource):
        return f"the encoder {encoder.spec.name} is not a torch network, so it has no gradient"
    if encoder.spec.projection is not None:
        return "a learned projection stands behind the network"
    return source


def misleading_signs(
    source: NetworkSource, pixels: Pixels, towards: Vectors, away: Vectors
) -> NDArray[np.int8]:
    """The direction in which each sample misleads most.

    Args:
        source: The network.
        pixels: Shape (N, H, W, 3), uint8. Not changed.
        towards: Embeddings of another class, one a picture, (N, D).
        away: Embeddings of the own class, (N, D).

    Returns:
        -1, 0 or 1, of the pixels' shape.
    """
    import torch

    network = source.build().eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    pull = torch.from_numpy(towards - away)
    parts = [
        _signs(network, pixels[start : start + BATCH], pull[start : start + BATCH])
        for start in range(0, len(pixels), BATCH)
    ]
    return np.concatenate(parts) if parts else np.empty(pixels.shape, dtype=np.int8)


def perturbed(pixels: Pixels, signs: NDArray[np.int8], levels: float) -> Pixels:
    """Every sample moved by so many levels of 255 along its sign."""
    moved = pixels.astype(np.float32) + levels * signs
    return np.clip(moved.round(), 0, 255).astype(np.uint8)


def _signs(network: Any, pixels: Pixels, pull: Any) -> NDArray[np.int8]:
    import torch

    samples = torch.from_numpy(pixels.astype(np.float32)).requires_grad_()
    features = torch.nn.functional.normalize(network(samples))
    (gradient,) = torch.autograd.grad((features * pull).sum(), samples)
    return np.asarray(gradient.sign().to(torch.int8).numpy())
