"""The network that all ingesters are given: the default encoder's, as float32 torch module.

It comes with the transform that its publishers name, in the words of torchvision: what a user of
these weights would write. Nothing of how Eyedex decodes or computes is in it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PIL import Image

from search_engine.encoders.lite import trained_lite
from search_engine.encoders.torch_imports import import_torchvision

if TYPE_CHECKING:
    import torch
    from torch import nn

NAME = "tf_efficientnet_lite0"
DIMENSION = 1_280
RESIZE_PX = 256
SIZE_PX = 224
MEAN = STD = (0.5, 0.5, 0.5)


def given_network() -> "nn.Module":
    """Samples (N, 3, SIZE_PX, SIZE_PX), float32, in; features (N, DIMENSION) out."""
    return trained_lite()


def given_transform() -> "Callable[[Image.Image], torch.Tensor]":
    """From an RGB picture to samples (3, SIZE_PX, SIZE_PX), float32."""
    import_torchvision()
    from torchvision import transforms

    composed: Callable[[Image.Image], torch.Tensor] = transforms.Compose(
        [
            transforms.Resize(RESIZE_PX, transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(SIZE_PX),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    return composed
