"""Networks made ready for training: they compute the same, and their weights can be read again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from search_engine.adapt.trainable import Trainable, make_trainable
from search_engine.encoders.cnn import CnnEncoder
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.encoders.torch_imports import import_torchvision
from search_engine.errors import ParameterError
from search_engine.records import Pixels

pytestmark = pytest.mark.long

SIZE_PX = 224
LITE0 = EncoderRequest("efficientnet_lite0", pooling="multi", runtime="torch-float32")


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (2, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)


@pytest.fixture
def resnet(tmp_path: Path) -> EncoderRequest:
    """A ResNet-18 with weights drawn by lot."""
    torch.manual_seed(0)
    network = import_torchvision().models.resnet18(weights=None)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean = torch.rand(part.num_features) / 5 - 0.1
            part.running_var = torch.rand(part.num_features) + 0.5
    file = tmp_path / "resnet.safetensors"
    save_file(network.state_dict(), file)
    return EncoderRequest("torchvision:resnet18", weights=file, runtime="torch-float32")


def network(request: EncoderRequest) -> nn.Module:
    encoder = create_encoder(request)
    assert isinstance(encoder, CnnEncoder)
    return encoder.source.build()


def features(module: nn.Module, pixels: Pixels) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = module(torch.from_numpy(pixels))
    return found


def nudge(trainable: Trainable) -> None:
    """Change all that is trained."""
    torch.manual_seed(1)
    with torch.no_grad():
        for one in trainable.parameters.values():
            one.add_(torch.randn_like(one) * 0.01 * one.std().nan_to_num(1.0))


def check_round_trip(request: EncoderRequest, pixels: Pixels, folder: Path) -> None:
    trainable = make_trainable(network(request), SIZE_PX)
    plain_encoder = features(network(request), pixels)
    assert torch.allclose(features(trainable.module, pixels), plain_encoder, atol=1e-3, rtol=1e-3)
    nudge(trainable)
    trained = features(trainable.module, pixels)
    assert not torch.allclose(trained, plain_encoder, atol=1e-3, rtol=1e-3)
    file = folder / "trained.safetensors"
    save_file(trainable.weights(), file)
    again = EncoderRequest(
        request.name, weights=file, pooling=request.pooling, runtime=request.runtime
    )
    assert torch.allclose(features(network(again), pixels), trained, atol=1e-3, rtol=1e-3)


def test_the_default_network_computes_the_same_before_and_after(
    pixels: Pixels, tmp_path: Path
) -> None:
    check_round_trip(LITE0, pixels, tmp_path)


def test_so_does_a_network_of_torchvision(
    resnet: EncoderRequest, pixels: Pixels, tmp_path: Path
) -> None:
    check_round_trip(resnet, pixels, tmp_path)


def test_layers_of_large_maps_are_left_alone_and_the_rest_learns(pixels: Pixels) -> None:
    trainable = make_trainable(network(LITE0), SIZE_PX)
    names = set(trainable.parameters)
    assert not any(".conv_stem." in name or ".blocks.0." in name for name in names)
    assert any(".blocks.3." in name for name in names)
    assert any(".conv_head." in name for name in names)
    trainable.module(torch.from_numpy(pixels)).square().sum().backward()
    assert all(one.grad is not None for one in trainable.parameters.values())
    others = [
        one for name, one in trainable.module.named_parameters() if name not in trainable.parameters
    ]
    assert others
    assert all(one.grad is None for one in others)


def test_depthwise_convolutions_compute_in_float32_among_bfloat16(pixels: Pixels) -> None:
    module = make_trainable(network(LITE0), SIZE_PX).module
    seen: dict[str, set[torch.dtype]] = {"depthwise": set(), "pointwise": set()}

    def watch(part: Any, taken: Any, given: torch.Tensor) -> None:
        if part.weight.requires_grad:
            seen["depthwise" if part.groups > 1 else "pointwise"].add(given.dtype)

    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_hook(watch)
    with torch.autocast("cpu", torch.bfloat16):
        features(module, pixels)
    assert seen == {"depthwise": {torch.float32}, "pointwise": {torch.bfloat16}}


def test_what_was_given_is_not_changed(pixels: Pixels) -> None:
    given = network(LITE0)
    before = features(given, pixels)
    nudge(make_trainable(given, SIZE_PX))
    assert torch.equal(features(given, pixels), before)


def test_a_network_with_nothing_to_train_is_refused() -> None:
    class Bare(nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return pixels.float().mean(dim=(1, 2))

    with pytest.raises(ParameterError, match="no layers"):
        make_trainable(Bare(), SIZE_PX)
