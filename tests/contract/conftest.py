"""Networks with weights made here, and encoders that are made once for all tests."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from search_engine.encoders.base import Encoder
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.encoders.runtime import RuntimeChoice
from search_engine.encoders.torch_imports import import_torchvision
from tests.conftest import once

NETWORKS = ("mobilenet_v3_small", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_1")
LARGE_NETWORKS = ("googlenet", "inception_v3")

MakeEncoder = Callable[[str], Encoder]


def save_weights(network: str, path: Path, seed: int = 0) -> Path:
    """Random weights of a torchvision network, as a state dict in a file.

    A pass over noise sets the batch statistics: with those of a fresh network the signal would
    fade away on its way through the layers.
    """
    import torch

    models = import_torchvision().models
    torch.manual_seed(seed)
    options = {"init_weights": True} if network in LARGE_NETWORKS else {}
    made = models.get_model(network, weights=None, **options).train()
    for layer in made.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
    side = 299 if network == "inception_v3" else 224
    with torch.no_grad():
        made(torch.randn(4, 3, side, side))
    torch.save(made.state_dict(), path)
    return path


def export(request: EncoderRequest) -> None:
    """Put the network into the request's cache."""
    create_encoder(request)


def parse_runtime(text: str) -> RuntimeChoice:
    runtime: RuntimeChoice
    (runtime,) = (known for known in get_args(RuntimeChoice) if known == text)
    return runtime


@pytest.fixture(scope="session")
def weights_of(shared: Path) -> Callable[[str], Path]:
    """The weights file of a network of torchvision, by its name."""

    def make(network: str) -> Path:
        def save(folder: Path) -> None:
            folder.mkdir()
            save_weights(network, folder / "weights.pth")

        return once(shared / f"weights-{network}", save) / "weights.pth"

    return make


@pytest.fixture(scope="session")
def encoder_of(shared: Path, weights_of: Callable[[str], Path]) -> MakeEncoder:
    """An encoder by `name/runtime`."""

    @cache
    def make(wanted: str) -> Encoder:
        name, _, runtime = wanted.partition("/")
        variant = name.partition(":")[2]
        request = EncoderRequest(
            name,
            weights=weights_of(variant) if variant else None,
            runtime=parse_runtime(runtime) if runtime else "auto",
            cache=shared / "exported",
        )
        if runtime == "openvino":
            once(shared / f"exported-{name.replace(':', '-')}", lambda _: export(request))
        return create_encoder(request)

    return make
