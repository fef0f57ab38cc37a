"""Poolings of networks: what they compute, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from search_engine.encoders.base import Encoder
from search_engine.encoders.poolings import mean_of_views, multi_pooled, parse_pooling, pooled
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.errors import ParameterError
from search_engine.records import Pixels
from tests.contract.conftest import MakeEncoder
from tests.contract.test_encoders import cosines, drawn_pixels

LITE0 = "efficientnet_lite0"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("avg", [4.0, 1.0]),  # of 0, 0, 0, 16 and of four ones
        ("max", [16.0, 1.0]),
        ("gem", [1024 ** (1 / 3), 1.0]),  # the cube root of (0 + 0 + 0 + 16³) / 4
    ],
)
def test_poolings_of_one_map(name: str, wanted: list[float]) -> None:
    import torch

    maps = torch.tensor([[[[0.0, 0.0], [0.0, 16.0]], [[1.0, 1.0], [1.0, 1.0]]]])
    np.testing.assert_allclose(pooled(maps, name).numpy(), [wanted], rtol=1e-5)


def test_several_layers_are_parts_of_equal_length() -> None:
    import torch

    block = torch.tensor([[[[3.0]], [[4.0]]]])  # average and maximum: (3, 4), of length 5
    last = torch.tensor([[[[0.0]], [[100.0]]]])
    rows = multi_pooled([block], last).numpy()
    np.testing.assert_allclose(rows, [[0.6, 0.8, 0.6, 0.8, 0, 1, 0, 1]], atol=1e-6)


def test_views_are_averaged_picture_by_picture() -> None:
    import torch

    rows = torch.tensor([[0.0, 2.0], [4.0, 6.0], [2.0, 2.0], [0.0, 0.0]])
    np.testing.assert_array_equal(mean_of_views(rows).numpy(), [[1, 2], [2, 3]])


@pytest.mark.parametrize("text", ["", "mean", "GEM", "gem+mirror+mirror", "+mirror", "mirror"])
def test_unknown_poolings_are_refused_with_what_is_known(text: str) -> None:
    with pytest.raises(ParameterError, match="has no pooling") as caught:
        parse_pooling(text, ("avg", "gem"), LITE0)
    assert caught.value.where == "pooling"
    assert "avg, gem" in str(caught.value.fix)


def test_the_first_pooling_is_the_one_without_a_name(encoder_of: MakeEncoder) -> None:
    named = create_encoder(EncoderRequest(LITE0, runtime="torch-float32", pooling="avg"))
    assert named.spec.fingerprint == encoder_of(f"{LITE0}/torch-float32").spec.fingerprint
    assert named.spec.pooling == "avg"


def mirrored(pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(pixels[:, :, ::-1])


@pytest.mark.parametrize("name", [f"{LITE0}#multi+mirror", "torchvision:squeezenet1_1#gem+mirror"])
def test_mirrored_poolings_see_a_picture_and_its_mirror_image_alike(
    encoder_of: MakeEncoder, sample: Path, name: str
) -> None:
    def agreement(encoder: Encoder) -> float:
        pixels = drawn_pixels(encoder, sample, 6)
        found = cosines(encoder.encode(pixels), encoder.encode(mirrored(pixels)))
        return float(found.min())

    assert agreement(encoder_of(f"{name}/torch-float32")) > 0.9999
    plain = name.removesuffix("+mirror")
    assert agreement(encoder_of(f"{plain}/torch-float32")) < 0.9999


@pytest.mark.parametrize(
    ("name", "pooling"),
    [
        ("torchvision:vit_b_16", "gem"),
        ("torchvision:resnet18", "multi"),
        ("timm:vit_tiny_patch16_224", "gem"),
        ("timm:vit_tiny_patch16_224", "multi"),
        ("hsv", "gem"),
        (LITE0, "penultimate"),
    ],
)
def test_poolings_that_an_encoder_cannot_do_are_refused(name: str, pooling: str) -> None:
    with pytest.raises(ParameterError) as caught:
        create_encoder(EncoderRequest(name, pooling=pooling))
    assert caught.value.where == "pooling"
    assert caught.value.fix


@pytest.mark.parametrize(
    "name",
    ["torchvision:regnet_y_400mf", "torchvision:swin_t", "timm:swin_tiny_patch4_window7_224"],
)
def test_the_width_of_features_is_known_without_weights(name: str) -> None:
    from search_engine.encoders import timm_networks, torchvision_networks

    family, _, variant = name.partition(":")
    module = {"timm": timm_networks, "torchvision": torchvision_networks}[family]
    widths = {
        pooling: module.dimension_of(variant, pooling, 224) for pooling in ("penultimate", "gem")
    }
    assert len(set(widths.values())) == 1
    assert widths["gem"] in (440, 768)
