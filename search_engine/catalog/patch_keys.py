"""Keys of patches: an index has one vector to a key, so each patch of an item has a key of its own.

This module alone knows how these belong to the keys of items.
"""

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Keys

PER_KEY = 16
"""More patches than an item can have."""


def row_keys(keys: Keys, count: int = PER_KEY) -> Keys:
    """The keys (N * count,) of the first patches of items (N,), ascending if the items are."""
    return np.ravel(keys[:, None] * PER_KEY + np.arange(count))


def item_keys(rows: Keys) -> Keys:
    """The items of patches, (R,)."""
    return rows // PER_KEY


def numbers(rows: Keys) -> NDArray[np.int64]:
    """Which patches of their items these are, (R,), counted from 0."""
    return rows % PER_KEY
