"""Hand-made descriptors of colour, shape and texture: no weights, no network.

They are baselines; `hsv` needs only NumPy and is the fast encoder of the tests.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search_engine.encoders.base import EncoderSpec
from search_engine.encoders.gradients import direction_histograms, gradient, grey
from search_engine.encoders.opencv_import import import_opencv
from search_engine.encoders.pictures import Describe, PictureEncoder, refuse_choices
from search_engine.encoders.registry import EncoderRequest
from search_engine.images import Preprocessing

HUE_BINS, SATURATION_BINS, VALUE_BINS = 12, 3, 3
CELLS_A_SIDE = 3
HISTOGRAM_BINS = HUE_BINS * SATURATION_BINS * VALUE_BINS

HSV_SPEC = EncoderSpec(
    name="hsv",
    dimension=HISTOGRAM_BINS * CELLS_A_SIDE**2,
    preprocessing=Preprocessing(size_px=96, resize_px=96, fit="squash", interpolation="bilinear"),
    pooling=f"{CELLS_A_SIDE}x{CELLS_A_SIDE} cells",
)

GREY_PICTURE = Preprocessing(size_px=128, resize_px=128, fit="squash", interpolation="bilinear")
"""Input of the descriptors of shape and texture; `color+shape+texture` uses it for all."""

HOG_CELLS, HOG_DIRECTIONS, HOG_BLOCK, HOG_CLIP = 8, 9, 2, 0.2
HOG_SPEC = EncoderSpec(
    name="hog",
    dimension=(HOG_CELLS - HOG_BLOCK + 1) ** 2 * HOG_BLOCK**2 * HOG_DIRECTIONS,
    preprocessing=GREY_PICTURE,
    pooling=f"{HOG_CELLS}x{HOG_CELLS} cells",
)

EDGE_CELLS, EDGE_DIRECTIONS = 4, 12
EDGE_THRESHOLDS = (60.0, 150.0)
EDGES_SPEC = EncoderSpec(
    name="edges",
    dimension=EDGE_CELLS**2 * EDGE_DIRECTIONS,
    preprocessing=GREY_PICTURE,
    pooling=f"{EDGE_CELLS}x{EDGE_CELLS} cells",
)

LBP_CELLS, LBP_PATTERNS = 4, 59
LBP_SPEC = EncoderSpec(
    name="lbp",
    dimension=LBP_CELLS**2 * LBP_PATTERNS,
    preprocessing=GREY_PICTURE,
    pooling=f"{LBP_CELLS}x{LBP_CELLS} cells",
)


def hsv(request: EncoderRequest) -> PictureEncoder:
    """Factory for the registry."""
    refuse_choices(request)
    return PictureEncoder(HSV_SPEC.as_made(request.fingerprint), colours, "numpy")


def hog(request: EncoderRequest) -> PictureEncoder:
    """Factory for the registry."""
    return _of_opencv(request, HOG_SPEC, gradient_blocks)


def edges(request: EncoderRequest) -> PictureEncoder:
    """Factory for the registry."""
    return _of_opencv(request, EDGES_SPEC, edge_directions)


def lbp(request: EncoderRequest) -> PictureEncoder:
    """Factory for the registry."""
    return _of_opencv(request, LBP_SPEC, binary_patterns)


def _of_opencv(request: EncoderRequest, spec: EncoderSpec, describe: Describe) -> PictureEncoder:
    refuse_choices(request)
    import_opencv()
    return PictureEncoder(spec.as_made(request.fingerprint), describe, "opencv")


def colours(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Colour histogram in HSV over a grid of cells, square-rooted (Hellinger kernel).

    Swain and Ballard, "Color indexing", IJCV 1991, with the square root of Arandjelovic and
    Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012.
    """
    hsv = np.asarray(Image.fromarray(picture).convert("HSV"))
    hue, saturation, value = (hsv[..., channel].astype(np.int64) for channel in range(3))
    bins = (hue * HUE_BINS // 256 * SATURATION_BINS + saturation * SATURATION_BINS // 256) * (
        VALUE_BINS
    ) + value * VALUE_BINS // 256
    return np.sqrt(_cell_counts(bins, CELLS_A_SIDE, HISTOGRAM_BINS))


def gradient_blocks(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Histograms of oriented gradients: Dalal and Triggs, CVPR 2005.

    Unsigned directions in cells; overlapping blocks of 2 x 2 cells, each normalised, clipped and
    normalised again, so that light and contrast do not matter.
    """
    slope = gradient(grey(picture))
    cells = direction_histograms(slope.turn, slope.strength, HOG_CELLS, HOG_DIRECTIONS, False)
    windows = np.lib.stride_tricks.sliding_window_view(cells, (HOG_BLOCK, HOG_BLOCK), axis=(0, 1))
    blocks = windows.reshape(-1, HOG_BLOCK**2 * HOG_DIRECTIONS)
    clipped = np.minimum(_of_length_one(blocks), HOG_CLIP)
    return _of_length_one(clipped).ravel()


def edge_directions(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Count edge pixels by direction in each cell, square-rooted.

    Edges by Canny, "A computational approach to edge detection", PAMI 1986, their directions by
    Sobel; such histograms for retrieval: Jain and Vailaya, "Image retrieval using color and shape",
    Pattern Recognition 1996.
    """
    cv2 = import_opencv()
    level = grey(picture)
    outline = cv2.Canny(cv2.GaussianBlur(level, (3, 3), 0), *EDGE_THRESHOLDS, L2gradient=True)
    drawn = (outline > 0).astype(np.float32)
    turn = gradient(level).turn
    return np.sqrt(direction_histograms(turn, drawn, EDGE_CELLS, EDGE_DIRECTIONS, False).ravel())


def binary_patterns(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Local binary patterns over a grid of cells, square-rooted.

    Ojala, Pietikäinen and Mäenpää, "Multiresolution gray-scale and rotation invariant texture
    classification with local binary patterns", PAMI 2002: which of its 8 neighbors are at least as
    bright as a pixel. The 58 patterns with at most two changes are counted separately, all others
    together.
    """
    cv2 = import_opencv()
    level = cv2.GaussianBlur(grey(picture), (3, 3), 0)
    centre = level[1:-1, 1:-1]
    height, width = level.shape
    patterns = np.zeros(centre.shape, dtype=np.uint8)
    for bit, (row, column) in enumerate(_CIRCLE):
        neighbor = level[row : height - 2 + row, column : width - 2 + column]
        patterns |= (neighbor >= centre).astype(np.uint8) << bit
    return np.sqrt(_cell_counts(_UNIFORM[patterns], LBP_CELLS, LBP_PATTERNS))


_CIRCLE = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
"""The 8 neighbors in circular order: rows and columns of a 3 x 3 window."""


def _uniform_patterns() -> NDArray[np.int64]:
    """Number the 256 patterns; those with more than two changes share the last number."""
    numbers = np.full(256, LBP_PATTERNS - 1)
    uniform = [
        pattern
        for pattern in range(256)
        if (pattern ^ (pattern >> 1 | (pattern & 1) << 7)).bit_count() <= 2
    ]
    numbers[uniform] = np.arange(len(uniform))
    return numbers


_UNIFORM = _uniform_patterns()


def _cell_counts(bins: NDArray[np.int64], cells: int, count: int) -> NDArray[np.float32]:
    """Count each of `count` bins (H, W) in each of cells x cells cells, flat."""
    rows = np.arange(bins.shape[0]) * cells // bins.shape[0]
    columns = np.arange(bins.shape[1]) * cells // bins.shape[1]
    places = (rows[:, None] * cells + columns[None, :]) * count + bins
    return np.bincount(places.ravel(), minlength=cells * cells * count).astype(np.float32)


def _of_length_one(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale rows to length 1; zero rows stay zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1.0e-3), dtype=np.float32)
