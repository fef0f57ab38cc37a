"""All classification networks of torchvision: `torchvision:<name>`."""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from search_engine.encoders.base import EncoderSpec
from search_engine.encoders.cnn import CnnEncoder, Trunk, feature_dimension, network_encoder
from search_engine.encoders.hubs import torch_hub_weights
from search_engine.encoders.poolings import (
    AVERAGE,
    OF_ONE_MAP,
    PENULTIMATE,
    ROWS,
    SPLIT,
    Pools,
    no_maps,
    parse_pooling,
)
from search_engine.encoders.registry import EncoderRequest, unknown_encoder
from search_engine.encoders.torch_imports import import_torchvision
from search_engine.encoders.weights import file_sha256, fill, read_state
from search_engine.images import Preprocessing

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

POOLINGS = (PENULTIMATE, *OF_ONE_MAP)

AUXILIARY = ("aux1", "aux2", "AuxLogits")
"""Auxiliary classifiers that GoogLeNet and Inception v3 have for training."""

_GOOGLE = {"transform_input": True, "aux_logits": False, "init_weights": False}
_OPTIONS: Mapping[str, Mapping[str, bool]] = MappingProxyType(
    {"googlenet": _GOOGLE, "inception_v3": _GOOGLE}
)
"""Options that torchvision's own builders set when they load published weights."""

_FORMER_NAMES = (
    (re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)"), r"\1\2"),
    (re.compile(r"(.*\.mlp)\.linear_1\.(.*)"), r"\1.0.\2"),
    (re.compile(r"(.*\.mlp)\.linear_2\.(.*)"), r"\1.3.\2"),
)
"""Renamings for published files of DenseNet and ViT, which are older than today's names."""


def torchvision_network(request: EncoderRequest) -> CnnEncoder:
    """A classification network of torchvision without its last layer: factory for the registry.

    Size, crop and normalisation are those of the weights' own transforms.
    """
    if request.variant not in torchvision_names():
        raise unknown_encoder(
            f"torchvision has no classification network {request.variant!r}", request.name
        )
    pooling = parse_pooling(request.pooling, POOLINGS, request.name)
    published = import_torchvision().models.get_model_weights(request.variant).DEFAULT
    preset = published.transforms()
    size = int(preset.crop_size[0])
    dimension = dimension_of(request.variant, pooling.name, size)
    weights = request.weights or torch_hub_weights(published.url, request)
    interpolation = "bicubic" if "bicubic" in str(preset.interpolation).lower() else "bilinear"
    spec = EncoderSpec(
        name=request.name,
        dimension=dimension,
        preprocessing=Preprocessing(
            size_px=size,
            resize_px=int(preset.resize_size[0]),
            interpolation=interpolation,  # type: ignore[arg-type]
        ),
        weights_sha256=file_sha256(weights),
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        pooling=str(pooling),
    )

    def build() -> Any:
        network, classifier = _network(request.variant)
        state = _with_current_names(read_state(weights))
        fill(network, state, (classifier, *AUXILIARY), request.name, weights)
        return network

    trunk = Trunk(
        lambda: _pooled_trunk(build(), pooling.name, request.name),
        lambda: _split_trunk(build(), pooling.name, request.name),
        pooling.mirrored,
    )
    return network_encoder(request, spec, trunk)


@lru_cache(maxsize=1)
def torchvision_names() -> tuple[str, ...]:
    """List all classification networks, without quantised and video ones."""
    models = import_torchvision().models
    return tuple(sorted(models.list_models(module=models)))


@lru_cache(maxsize=16)
def dimension_of(variant: str, pooling: str, size_px: int) -> int:
    """Return the width of a network's features under a pooling, without its weights."""

    def build_trunk() -> "nn.Module":
        network, _ = _network(variant)
        return _pooled_trunk(network, pooling, f"torchvision:{variant}")

    return feature_dimension(build_trunk, size_px)


def _network(variant: str) -> tuple[Any, str]:
    """Return a network with the identity in place of its last layer, and that layer's name."""
    from torch import nn

    models = import_torchvision().models
    network = models.get_model(variant, weights=None, **_OPTIONS.get(variant, {})).eval()
    classifier = _last_layer(network)
    parent, _, child = classifier.rpartition(".")
    setattr(network.get_submodule(parent), child, nn.Identity())
    return network, classifier


def _last_layer(network: Any) -> str:
    """Return the last linear layer, or convolution as in SqueezeNet."""
    from torch import nn

    linear = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    layers = linear or [
        name for name, part in network.named_modules() if isinstance(part, nn.Conv2d)
    ]
    return str(layers[-1])


def _with_current_names(state: "dict[str, Tensor]") -> "dict[str, Tensor]":
    return {_current_name(name): tensor for name, tensor in state.items()}


def _current_name(name: str) -> str:
    for former, today in _FORMER_NAMES:
        name = former.sub(today, name)
    return name


def _split_trunk(network: Any, name: str, encoder: str) -> "nn.Module":
    """Return the network with its features split over positions; see `timm_trunks.split_trunk`."""
    return _pooled_trunk(network, AVERAGE if name == PENULTIMATE else name, encoder, SPLIT)


def _pooled_trunk(network: Any, name: str, encoder: str, pools: Pools = ROWS) -> "nn.Module":
    """Return the network, or its part before its own last pooling, followed by another pooling.

    Raises:
        ParameterError: The network pools no feature map, like vision transformers.
    """
    from torch import nn

    if name == PENULTIMATE:
        return network  # type: ignore[no-any-return]
    maps = _before_last_pooling(network)
    if maps is None:
        raise no_maps(encoder, name)

    class Pooled(nn.Module):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, samples: "torch.Tensor") -> "torch.Tensor":
            return pools.one(self.network(samples), name)

    return Pooled(maps).eval()


def _before_last_pooling(network: Any) -> "nn.Module | None":
    """Return what computes the last feature map, or None if no map is pooled.

    It is the input of the last mean or adaptive pooling in the traced graph.
    """
    import torch
    from torch import fx, nn

    graph = fx.Tracer().trace(network)
    poolings = (nn.AdaptiveAvgPool2d, torch.nn.functional.adaptive_avg_pool2d, "mean")
    for node in reversed(list(graph.nodes)):
        does = node.target
        if node.op == "call_module":
            does = type(network.get_submodule(str(node.target)))
        if does in poolings:
            graph.output_node().args = (node.args[0],)
            maps = fx.GraphModule(network, graph)
            maps.graph.eliminate_dead_code()
            maps.recompile()
            maps.delete_all_unused_submodules()
            return maps
    return None
