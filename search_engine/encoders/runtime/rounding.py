"""Weights in bfloat16 whose rounding errors cancel within each filter.

A network's activations are mostly positive, so what moves the output of a filter is the sum of its
rounding errors more than their size. Weights are rounded to the nearest first; then those are
rounded the other way that bring the sum back to nearly what it was, at the least extra error each.
It needs no pictures. Rounding errors as a bias to be corrected: Nagel et al., "Data-Free
Quantization Through Weight Equalization and Bias Correction", ICCV 2019; rounding to other than the
nearest: Nagel et al., "Up or Down? Adaptive Rounding for Post-Training Quantization", ICML 2020.
"""

import numpy as np
from numpy.typing import NDArray

MAX_FLIPS = 40
"""A filter has at most so many weights that are not rounded to the nearest."""


def round_to_bfloat16(filters: NDArray[np.float32]) -> NDArray[np.float32]:
    """Filters whose weights are bfloat16 numbers and whose sums are nearly unchanged.

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
        rows, columns, other = rows[flipped], best[flipped], other[flipped]  # others are done
        chosen = other[np.arange(len(rows)), columns]
        error[rows] += chosen - rounded[rows, columns]
        rounded[rows, columns] = chosen
    return np.asarray(rounded, dtype=np.float32)
