"""The runtimes of this machine beside each other, with the real default network."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from search_engine.encoders import comparison
from search_engine.encoders.comparison import compare_runtimes
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest
from search_engine.errors import ParameterError
from search_engine.images import ImageLimits, Preprocessing, decode_pixels
from search_engine.records import Pixels

PICTURES = 3


@pytest.fixture
def pixels(sample: Path) -> Pixels:
    pictures = sorted((sample / "images").rglob("*.jpg"))[:PICTURES]
    preprocessing = Preprocessing(size_px=224, resize_px=256)
    decoded = [decode_pixels(one.read_bytes(), preprocessing, ImageLimits()) for one in pictures]
    return np.stack([one.pixels for one in decoded])


@pytest.mark.long
def test_every_runtime_is_measured_and_one_is_chosen(
    cnn_data: Path, pixels: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "ROUNDS", 2)
    monkeypatch.setattr(comparison, "SINGLES", 2)
    figures = compare_runtimes(EncoderRequest(DEFAULT_ENCODER, cache=cnn_data / "encoders"), pixels)
    assert [one.chosen for one in figures].count(True) == 1
    runtimes = [one.runtime for one in figures]
    assert len(runtimes) == len(set(runtimes))
    expected = {"openvino", "torch"} if importlib.util.find_spec("openvino") else {"torch"}
    assert expected <= {one.choice for one in figures} <= {*expected, "torch-float32"}
    rates = [one.images_per_second for one in figures]
    assert rates == sorted(rates, reverse=True)
    assert min(rates) > 0
    for one in figures:
        assert 0.99 < one.cosine_min <= one.cosine_mean < 1.0001
        assert one.single_ms > 0
        if one.runtime == "torch float32 on CPU":
            assert one.cosine_min > 0.99999


def test_an_encoder_without_a_network_has_nothing_to_choose(pixels: Pixels) -> None:
    with pytest.raises(ParameterError, match="hsv has no network"):
        compare_runtimes(EncoderRequest("hsv"), pixels)
