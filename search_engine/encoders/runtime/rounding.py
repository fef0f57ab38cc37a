"""Round weights to bfloat16 so that the errors cancel within each filter.

Activations are mostly positive, so the sum of the rounding errors moves the output of a filter more
than their size. Weights are first rounded to nearest; then those that restore the sum at the least
extra error are rounded the other way. No pictures are needed. Rounding errors as a bias to be
corrected: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
ICCV 2019; rounding other than to nearest: Nagel et al., "Up or Down? Adaptive Rounding for
Post-Training Quantization", ICML 2020.
"""

import numpy as np
from numpy.typing import NDArray

MAX_FLIPS = 40
"""Weights of a filter that are not rounded to nearest, at most."""


def round_to_bfloat16(filters: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round filters to bfloat16, keeping their sums nearly unchanged.

    Args:
        filters: Shape (number of filters, weights of each), float32, finite. Not changed.

    Returns:
        The same shape, float32; each weight is one of its two neighbors in bfloat16.
    """
    below = (filters.view(np.uint32) & 0xFFFF_0000).view(np.float32)  # towards zero
    above = (below.view(np.uint32) + 0x1_0000).view(np.float32)
    rounded = np.where(np.abs(filters - below) <= np.abs(filters - above), below, above)
    error = (rounded - filters).sum(axis=1, dtype=np.float64)
    rows = np.arange(len(filters))
    for _ in range(MAX_FLIPS):
        kept = rounded[rows]
        other = np.where(kept == below[rows], above[rows], below[rows])
        gain = np.abs(error[rows])[:, None] - np.abs(error[rows][:, None] + other - kept)
        extra = np.abs(other - filters[rows]) - np.abs(kept - filters[rows])
        worth = np.where(gain > 0, gain / (np.abs(extra) + np.finfo(np.float32).tiny), 0.0)
        best = worth.argmax(axis=1)
        flipped = np.flatnonzero(worth[np.arange(len(rows)), best] > 0)
        if not flipped.size:
            break
        rows, columns, other = rows[flipped], best[flipped], other[flipped]  # the rest is done
        chosen = other[np.arange(len(rows)), columns]
        error[rows] += chosen - rounded[rows, columns]
        rounded[rows, columns] = chosen
    return np.asarray(rounded, dtype=np.float32)
