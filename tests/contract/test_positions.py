"""Embeddings split over positions: the parts add up, whatever pools them and what stands behind."""

from pathlib import Path

import numpy as np
import pytest

from search_engine.encoders.poolings import (
    AVERAGE,
    GEM,
    LARGEST,
    SIDE,
    multi_pooled,
    multi_split,
    pooled,
    split,
)
from search_engine.encoders.positions import positions_of
from search_engine.encoders.projection import Origin, ProjectedEncoder, Projection
from search_engine.errors import ParameterError
from tests.contract.conftest import MakeEncoder
from tests.contract.test_encoders import drawn_pixels

LITE0 = "efficientnet_lite0"


@pytest.mark.parametrize("name", [AVERAGE, LARGEST, GEM])
@pytest.mark.parametrize("size", [(7, 7), (1, 1), (4, 10), (28, 14), (3, 3)])
def test_a_split_map_adds_up_to_what_is_pooled(name: str, size: tuple[int, int]) -> None:
    import torch

    maps = torch.rand((2, 5, *size), generator=torch.Generator().manual_seed(3))
    parts = split(maps, name)
    assert parts.shape == (2, 5, SIDE, SIDE)
    np.testing.assert_allclose(parts.sum(dim=(2, 3)), pooled(maps, name), rtol=1e-5)


def test_a_part_is_where_the_map_is() -> None:
    import torch

    maps = torch.zeros((1, 1, 14, 14))
    maps[0, 0, 2, 13] = 1
    for name in (AVERAGE, LARGEST, GEM):
        assert split(maps, name)[0, 0].argmax() == 1 * SIDE + 6


def test_several_layers_add_up() -> None:
    import torch

    random = torch.Generator().manual_seed(4)
    blocks = [torch.rand((2, 3, side, side), generator=random) for side in (28, 14)]
    last = torch.rand((2, 4, 7, 7), generator=random)
    found = multi_split(blocks, last).sum(dim=(2, 3))
    np.testing.assert_allclose(found, multi_pooled(blocks, last), rtol=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        LITE0,
        f"{LITE0}#multi",
        "torchvision:squeezenet1_1#gem+mirror",
        pytest.param(f"{LITE0}#max+mirror", marks=pytest.mark.slow),
        pytest.param("torchvision:resnet18", marks=pytest.mark.slow),
        pytest.param("timm:mobilenetv3_small_050#avg", marks=pytest.mark.slow),
    ],
)
def test_positions_add_up_to_the_embedding(
    encoder_of: MakeEncoder, sample: Path, name: str
) -> None:
    encoder = encoder_of(f"{name}/torch-float32")
    pixels = drawn_pixels(encoder, sample, 3)
    found = positions_of(encoder, pixels, "regions")
    assert found.shape == (3, SIDE, SIDE, encoder.spec.dimension)
    np.testing.assert_allclose(found.sum(axis=(1, 2)), encoder.encode(pixels), atol=1e-4)
    assert positions_of(encoder, pixels[:0], "regions").shape[0] == 0


def test_positions_add_up_behind_a_projection(encoder_of: MakeEncoder, sample: Path) -> None:
    base = encoder_of(f"{LITE0}/torch-float32")
    random = np.random.default_rng(5)
    origin = Origin(
        fingerprint=base.spec.fingerprint, target=None, items=9, classes=0, shrinkage=0.1
    )
    mean = random.normal(0, 0.02, base.spec.dimension).astype(np.float32)
    matrix = random.normal(size=(base.spec.dimension, 40)).astype(np.float32)
    encoder = ProjectedEncoder(base, Projection(mean, matrix, origin))
    pixels = drawn_pixels(base, sample, 2)
    found = positions_of(encoder, pixels, "regions").sum(axis=(1, 2))
    np.testing.assert_allclose(found, encoder.encode(pixels), atol=1e-4)


@pytest.mark.slow
def test_the_exported_network_is_split_as_torch_does(encoder_of: MakeEncoder, sample: Path) -> None:
    exported, reference = (encoder_of(f"{LITE0}/{name}") for name in ("openvino", "torch-float32"))
    pixels = drawn_pixels(exported, sample, 3)
    found, wanted = (positions_of(each, pixels, "regions") for each in (exported, reference))
    assert (
        np.vecdot(found.reshape(3, -1), wanted.reshape(3, -1)).min()
        > 0.99 * np.square(wanted).sum(axis=(1, 2, 3)).min()
    )


@pytest.mark.parametrize("name", ["hsv", "hog", "color+shape+texture"])
def test_encoders_without_maps_are_refused_by_name(encoder_of: MakeEncoder, name: str) -> None:
    encoder = encoder_of(name)
    size = encoder.spec.preprocessing.size_px
    with pytest.raises(ParameterError, match=name.replace("+", r"\+")) as caught:
        positions_of(encoder, np.zeros((1, size, size, 3), np.uint8), "regions")
    assert caught.value.where == "regions"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torchvision:vit_b_16", "torchvision:vgg11"])
def test_networks_that_do_more_than_pool_are_refused(encoder_of: MakeEncoder, name: str) -> None:
    encoder = encoder_of(f"{name}/torch-float32")
    size = encoder.spec.preprocessing.size_px
    with pytest.raises(ParameterError, match="does not tell what it sees where"):
        positions_of(encoder, np.zeros((1, size, size, 3), np.uint8), "regions")
