"""Gradients of grey pictures by OpenCV, and histograms of their directions over a grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.opencv_import import import_opencv

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Gradient:
    """Strength and direction (0 to 1 turn) of the gradient at each pixel; shapes (H, W)."""

    strength: Floats
    turn: Floats


def grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the luma (H, W) of an RGB picture (H, W, 3)."""
    cv2 = import_opencv()
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))


def gradient(level: NDArray[np.uint8]) -> Gradient:
    """Return strength and direction of Sobel's derivatives of a grey picture."""
    cv2 = import_opencv()
    across, down = (cv2.Sobel(level, cv2.CV_32F, *order, ksize=3) for order in ((1, 0), (0, 1)))
    strength, degrees = cv2.cartToPolar(across, down, angleInDegrees=True)
    return Gradient(np.asarray(strength), np.asarray(degrees / 360, dtype=np.float32) % 1)


def direction_histograms(
    turn: Floats, weight: Floats, cells: int, directions: int, signed: bool
) -> Floats:
    """Sum weights by cell and direction, each shared by the two nearest directions.

    Args:
        turn: Directions, 0 to 1, shape (H, W).
        weight: The weight of each pixel, shape (H, W).
        cells: Cells on a side.
        directions: Number of directions.
        signed: Whether dark-to-light and light-to-dark are different directions.

    Returns:
        Shape (cells, cells, directions).
    """
    height, width = turn.shape
    place = turn * (directions if signed else 2 * directions)
    first = np.floor(place).astype(np.int64)
    share = (place - first).astype(np.float32)
    rows = np.arange(height) * cells // height
    columns = np.arange(width) * cells // width
    base = (rows[:, None] * cells + columns[None, :]) * directions
    found = np.zeros(cells * cells * directions)
    for step, part in ((0, 1 - share), (1, share)):
        places = (base + (first + step) % directions).ravel()
        found += np.bincount(places, weights=(weight * part).ravel(), minlength=len(found))
    return found.reshape(cells, cells, directions).astype(np.float32)
