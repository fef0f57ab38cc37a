"""Hand-made descriptors: no weights, no network; baselines, and the quick stand-in in tests."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search_engine.encoders.base import EncoderSpec, unit_rows
from search_engine.encoders.registry import EncoderRequest
from search_engine.errors import WeightsError
from search_engine.images import Preprocessing
from search_engine.records import Pixels, Vectors

HUE_BINS, SATURATION_BINS, VALUE_BINS = 12, 3, 3
CELLS_A_SIDE = 3
HISTOGRAM_BINS = HUE_BINS * SATURATION_BINS * VALUE_BINS

HSV_SPEC = EncoderSpec(
    name="hsv",
    dimension=HISTOGRAM_BINS * CELLS_A_SIDE**2,
    preprocessing=Preprocessing(size_px=96, resize_px=96, fit="squash", interpolation="bilinear"),
    pooling=f"{CELLS_A_SIDE}x{CELLS_A_SIDE} cells",
)


class HsvEncoder:
    """Colour histogram in HSV over a grid of cells, square-rooted (Hellinger kernel).

    Swain and Ballard, "Color indexing", IJCV 1991, with the square root of Arandjelovic and
    Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012.
    """

    spec = HSV_SPEC
    runtime = "numpy"

    def encode(self, pixels: Pixels) -> Vectors:
        """See Encoder."""
        if len(pixels) == 0:
            return np.empty((0, self.spec.dimension), dtype=np.float32)
        return unit_rows(np.stack([_cell_histograms(picture) for picture in pixels]))


def _cell_histograms(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    hsv = np.asarray(Image.fromarray(picture).convert("HSV"))
    hue, saturation, value = (hsv[..., channel].astype(np.int64) for channel in range(3))
    bins = (hue * HUE_BINS // 256 * SATURATION_BINS + saturation * SATURATION_BINS // 256) * (
        VALUE_BINS
    ) + value * VALUE_BINS // 256
    rows = np.arange(bins.shape[0]) * CELLS_A_SIDE // bins.shape[0]
    columns = np.arange(bins.shape[1]) * CELLS_A_SIDE // bins.shape[1]
    cells = rows[:, None] * CELLS_A_SIDE + columns[None, :]
    counts = np.bincount(
        (cells * HISTOGRAM_BINS + bins).ravel(), minlength=HSV_SPEC.dimension
    ).astype(np.float32)
    return np.sqrt(counts)


def hsv(request: EncoderRequest) -> HsvEncoder:
    """Factory for the registry."""
    if request.weights is not None:
        raise WeightsError("the hsv encoder has no weights", fix="leave out --weights")
    return HsvEncoder()
