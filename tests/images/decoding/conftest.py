"""What tests of the processes that decode share."""

from collections.abc import Iterator

import pytest

from search_engine.images import ImageLimits, Preprocessing
from search_engine.images.decode_pool import DecodePool

LIMITS = ImageLimits()
SQUASH = Preprocessing(size_px=16, resize_px=16, fit="squash")


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    with DecodePool(LIMITS, 1) as made:
        yield made
