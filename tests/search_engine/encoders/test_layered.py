"""An encoder that is part of the features of several layers."""

from pathlib import Path

import numpy as np
import pytest

from search_engine.encoders.registry import (
    DEFAULT_ENCODER,
    EncoderRequest,
    can_have_layers,
    create_encoder,
    create_with_layers,
)
from search_engine.errors import NoEmbeddingError


@pytest.mark.long
def test_its_embeddings_are_those_of_the_plain_encoder(layers: Path, cnn_data: Path) -> None:
    layered = create_with_layers(EncoderRequest(DEFAULT_ENCODER, cache=layers))
    plain = create_encoder(EncoderRequest(DEFAULT_ENCODER, cache=cnn_data / "encoders"))
    assert layered.spec == plain.spec
    size = plain.spec.preprocessing.size_px
    pixels = np.random.default_rng(0).integers(0, 256, (4, size, size, 3), dtype=np.uint8)
    cosines = np.vecdot(layered.encode(pixels), plain.encode(pixels))
    assert cosines.min() > 0.999


@pytest.mark.long
def test_features_without_that_part_have_no_embedding(layers: Path) -> None:
    layered = create_with_layers(EncoderRequest(DEFAULT_ENCODER, cache=layers))
    features = np.ones((2, layered.base.spec.dimension), dtype=np.float32)
    features[1, -2 * layered.spec.dimension :] = 0.0
    with pytest.raises(NoEmbeddingError) as caught:
        layered.project(features)
    assert caught.value.rows == (1,)


@pytest.mark.parametrize(
    ("name", "pooling"), [("hsv", None), ("timm:resnet18", None), (DEFAULT_ENCODER, "gem")]
)
def test_others_have_none(name: str, pooling: str | None) -> None:
    assert not can_have_layers(EncoderRequest(name, pooling=pooling))
    assert can_have_layers(EncoderRequest(DEFAULT_ENCODER))
    assert not can_have_layers(EncoderRequest(DEFAULT_ENCODER, runtime="openvino-int8"))
