"""Change pictures at random as shoppers' photos vary: crop, light, angle, focus, background."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from search_engine.encoders.torch_imports import import_transforms

if TYPE_CHECKING:
    import torch

LEAST_AREA = 0.3
PLAIN = 8.0
"""A border counts as a plain backdrop if its brightness varies by less than this (0 to 255)."""
LIKE_BORDER = 16

Augmentation = Callable[["torch.Tensor"], "torch.Tensor"]


def augmentation(size_px: int) -> Augmentation:
    """Return a random change of pictures (3, H, W), uint8, RGB, to (3, size_px, size_px)."""
    v2 = import_transforms()
    found: Augmentation = v2.Compose(
        [
            v2.RandomApply([v2.Lambda(_other_backdrop)], 0.5),
            v2.RandomResizedCrop(size_px, scale=(LEAST_AREA, 1.0)),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3)], 0.5),
            v2.RandomPerspective(distortion_scale=0.3, p=0.3),
            v2.RandomApply([v2.GaussianBlur(5, sigma=(0.1, 2.0))], 0.1),
            v2.RandomErasing(p=0.25),
        ]
    )
    return found


def _other_backdrop(picture: "torch.Tensor") -> "torch.Tensor":
    """Put the picture before a backdrop of a random colour, if its own is plain."""
    import torch

    edges = (picture[:, 0], picture[:, -1], picture[:, :, 0], picture[:, :, -1])
    border = torch.cat(edges, dim=1).float()
    if border.std(dim=1).max() > PLAIN:
        return picture
    usual = border.median(dim=1).values.view(3, 1, 1)
    backdrop = (picture.float() - usual).abs().amax(dim=0) < LIKE_BORDER
    colour = torch.randint(0, 256, (3, 1, 1), dtype=torch.uint8)
    return torch.where(backdrop, colour, picture)


def paste_across(pixels: "torch.Tensor", random: Any) -> "tuple[torch.Tensor, torch.Tensor, float]":
    """CutMix (Yun et al., ICCV 2019): replace a box of each picture by that of another one.

    Args:
        pixels: Shape (N, H, W, 3), uint8.
        random: numpy's Generator.

    Returns:
        The pictures, the row of the other picture of each (N,), and the share of the original.
    """
    import torch

    count, height, width = pixels.shape[:3]
    other = torch.from_numpy(random.permutation(count))
    side = float(random.uniform()) ** 0.5
    high, wide = int(height * side), int(width * side)
    top = int(random.integers(0, height - high + 1))
    left = int(random.integers(0, width - wide + 1))
    mixed = pixels.clone()
    box = (slice(None), slice(top, top + high), slice(left, left + wide))
    mixed[box] = pixels[other][box]
    return mixed, other, 1.0 - high * wide / (height * width)
