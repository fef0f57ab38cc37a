"""Imperceptible changes computed to mislead the encoder.

The fast gradient sign method of Goodfellow, Shlens and Szegedy, "Explaining and harnessing
adversarial examples", ICLR 2015: one step of every sample along the sign of the gradient. The
gradient is that of the similarity to an item of another class, minus that to one of the own class.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.base import Encoder
from search_engine.encoders.runtime.base import NetworkSource
from search_engine.records import Pixels, Vectors

STEPS = (1.0, 2.0, 4.0)
"""Change of each sample in levels of 255: slight, medium, severe."""

BATCH = 16


def network_of(encoder: Encoder) -> NetworkSource | str:
    """Return the torch network behind an encoder, or why there is none to attack."""
    source = getattr(encoder, "source", None)
    if not isinstance(source, NetworkSource):
        return f"the encoder {encoder.spec.name} is not a torch network, so it has no gradient"
    if encoder.spec.projection is not None:
        return "a learned projection stands behind the network"
    return source


def misleading_signs(
    source: NetworkSource, pixels: Pixels, towards: Vectors, away: Vectors
) -> NDArray[np.int8]:
    """Return the direction in which changing each sample misleads most.

    Args:
        source: The network.
        pixels: Shape (N, H, W, 3), uint8. Not changed.
        towards: Embeddings of another class, one for each picture, (N, D).
        away: Embeddings of the own class, (N, D).

    Returns:
        -1, 0 or 1, in the shape of the pixels.
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
    """Move every sample by so many levels of 255 along its sign."""
    moved = pixels.astype(np.float32) + levels * signs
    return np.clip(moved.round(), 0, 255).astype(np.uint8)


def _signs(network: Any, pixels: Pixels, pull: Any) -> NDArray[np.int8]:
    import torch

    samples = torch.from_numpy(pixels.astype(np.float32)).requires_grad_()
    features = torch.nn.functional.normalize(network(samples))
    (gradient,) = torch.autograd.grad((features * pull).sum(), samples)
    return np.asarray(gradient.sign().to(torch.int8).numpy())
