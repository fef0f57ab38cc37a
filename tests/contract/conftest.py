"""Networks with weights made here, and encoders that are made once for all tests."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from search_engine.encoders.base import Encoder
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.encoders.runtime import RuntimeChoice
from search_engine.encoders.torch_imports import import_timm, import_torchvision
from search_engine.encoders.words import PREPROCESSING, learn_vocabulary, save_vocabulary
from search_engine.images import ImageLimits, decode_pixels
from search_engine.indexes.faiss import index as faiss_index_module
from tests import tiny_clip
from tests.conftest import once
from tests.contract.vector_servers import milvus, milvus_server, qdrant

TIMM_NETWORKS = ("test_efficientnet", "mobilenetv3_small_050", "convnext_atto")
NETWORKS = ("mobilenet_v3_small", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_1")
LARGE_NETWORKS = ("googlenet", "inception_v3")

__all__ = ["milvus", "milvus_server", "qdrant"]

MakeEncoder = Callable[[str], Encoder]


@pytest.fixture
def faiss_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing with all of so few vectors would be quicker, and no test of a kind."""
    monkeypatch.setattr(faiss_index_module, "SCAN_NS", 10**12)


def save_weights(network: str, path: Path, seed: int = 0) -> Path:
    """Random weights of a network of torchvision, or of `timm:`, as a state dict in a file.

    A pass over noise sets the batch statistics: with those of a fresh network the signal would
    fade away on its way through the layers.
    """
    import torch

    torch.manual_seed(seed)
    made = _new_network(network).train()
    for layer in made.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
    side = 299 if network == "inception_v3" else 224
    with torch.no_grad():
        made(torch.randn(4, 3, side, side))
    torch.save(made.state_dict(), path)
    return path


def _new_network(network: str) -> Any:
    if network.startswith("timm:"):
        return import_timm().create_model(network.removeprefix("timm:"))
    options = {"init_weights": True} if network in LARGE_NETWORKS else {}
    return import_torchvision().models.get_model(network, weights=None, **options)


def parse_runtime(text: str) -> RuntimeChoice:
    runtime: RuntimeChoice
    (runtime,) = (known for known in get_args(RuntimeChoice) if known == text)
    return runtime


@pytest.fixture(scope="session")
def weights_of(shared: Path) -> Callable[[str], Path]:
    """The weights file of a network of torchvision, by its name, or of timm, by `timm:<name>`."""

    def make(network: str) -> Path:
        if network == tiny_clip.NAME:
            return tiny_clip.save_tiny_clip(shared / "tiny-clip")

        def save(folder: Path) -> None:
            folder.mkdir()
            save_weights(network, folder / "weights.pth")

        return once(shared / f"weights-{network.replace(':', '-')}", save) / "weights.pth"

    return make


@pytest.fixture(scope="session")
def vocabulary_of(shared: Path, sample: Path) -> Callable[[str], Path]:
    """The file of visual words of `sift` or `orb`, learnt from the drawn catalog."""

    def make(kind: str) -> Path:
        def learn(folder: Path) -> None:
            folder.mkdir()
            paths = sorted((sample / "images").glob("*.jpg"))
            pictures = [
                decode_pixels(path.read_bytes(), PREPROCESSING, ImageLimits()).pixels
                for path in paths[::2]
            ]
            save_vocabulary(folder / "words", learn_vocabulary(kind, pictures))

        return once(shared / f"words-{kind}", learn) / "words"

    return make


@pytest.fixture(scope="session")
def encoder_of(
    request: pytest.FixtureRequest,
    shared: Path,
    weights_of: Callable[[str], Path],
    vocabulary_of: Callable[[str], Path],
) -> MakeEncoder:
    """An encoder by `name/runtime` or `name#pooling/runtime`."""

    def weights(name: str) -> Path | None:
        if name in ("sift", "orb"):
            return vocabulary_of(name)
        return weights_of(name.removeprefix("torchvision:")) if ":" in name else None

    def exported(pooling: str | None) -> Path | None:
        """Where the default network is exported for other tests."""
        if pooling is None:
            return Path(request.getfixturevalue("cnn_data")) / "encoders"
        return Path(request.getfixturevalue("layers")) if pooling == "multi" else None

    def export(wanted: EncoderRequest) -> None:
        """Put the network into the cache that is wanted, unless it is exported already."""
        there = exported(wanted.pooling) if wanted.name == DEFAULT_ENCODER else None
        if there:
            shutil.copytree(there, shared / "exported", dirs_exist_ok=True)
        create_encoder(wanted)

    @cache
    def make(wanted: str) -> Encoder:
        named, _, runtime = wanted.partition("/")
        name, _, pooling = named.partition("#")
        asked = EncoderRequest(
            name,
            weights=weights(name),
            pooling=pooling or None,
            runtime=parse_runtime(runtime) if runtime else "auto",
            cache=shared / "exported",
        )
        if runtime == "openvino":
            once(shared / f"exported-{named.replace(':', '-')}", lambda _: export(asked))
        return create_encoder(asked)

    return make
