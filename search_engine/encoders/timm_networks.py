"""All networks of timm: `timm:<name>`, with the preprocessing that timm specifies for them.

Wightman, "PyTorch image models", 2019.
"""

import math
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_engine.encoders.base import EncoderSpec
from search_engine.encoders.cnn import CnnEncoder, Trunk, feature_dimension, network_encoder
from search_engine.encoders.hubs import (
    hugging_face_cached,
    hugging_face_weights,
    torch_hub_path,
    torch_hub_weights,
)
from search_engine.encoders.poolings import MULTI, OF_ONE_MAP, PENULTIMATE, parse_pooling
from search_engine.encoders.registry import EncoderRequest, unknown_encoder
from search_engine.encoders.timm_trunks import pooled_trunk, split_trunk
from search_engine.encoders.torch_imports import import_timm
from search_engine.encoders.weights import file_sha256, fill, read_state
from search_engine.errors import UnknownEncoderError, WeightsError
from search_engine.images import Preprocessing

if TYPE_CHECKING:
    from torch import Tensor

POOLINGS = (PENULTIMATE, *OF_ONE_MAP, MULTI)
FILE_NAMES = ("model.safetensors", "pytorch_model.bin")


def timm_network(request: EncoderRequest) -> CnnEncoder:
    """A classification network of timm without its last layer: factory for the registry."""
    published = _published(request)
    pooling = parse_pooling(request.pooling, POOLINGS, request.name)
    preprocessing = _preprocessing(published, request.name)
    dimension = dimension_of(request.variant, pooling.name, preprocessing.size_px)
    weights = request.weights or _hub_weights(published, request)
    spec = EncoderSpec(
        name=request.name,
        dimension=dimension,
        preprocessing=preprocessing,
        weights_sha256=file_sha256(weights),
        mean=tuple(published.mean),
        std=tuple(published.std),
        pooling=str(pooling),
    )

    def build() -> Any:
        network = _network(request.variant)
        state = _with_current_names(read_state(weights), network)
        fill(network, state, _classifiers(published), request.name, weights)
        return network

    trunk = Trunk(
        lambda: pooled_trunk(build(), pooling.name, request.name),
        lambda: split_trunk(build(), pooling.name, request.name),
        pooling.mirrored,
    )
    return network_encoder(request, spec, trunk)


@lru_cache(maxsize=1)
def timm_names() -> tuple[str, ...]:
    """List all architectures; `<architecture>.<tag>` names one of several published weights."""
    return tuple(import_timm().list_models())


def _published(request: EncoderRequest) -> Any:
    """Return timm's description of the weights that a name means."""
    timm = import_timm()
    if timm.is_model(request.variant):
        with suppress(RuntimeError):  # no published weights of that tag, or none at all
            return timm.get_pretrained_cfg(request.variant, allow_unregistered=False)
    raise unknown_encoder(f"timm has no network {request.variant!r}", request.name)


def _network(variant: str) -> Any:
    return import_timm().create_model(variant, num_classes=0).eval()


@lru_cache(maxsize=16)
def dimension_of(variant: str, pooling: str, size_px: int) -> int:
    """Return the width of a network's features under a pooling, without its weights."""
    return feature_dimension(
        lambda: pooled_trunk(_network(variant), pooling, f"timm:{variant}"), size_px
    )


def _preprocessing(published: Any, name: str) -> Preprocessing:
    """Return size, crop and interpolation as timm evaluates the network."""
    channels, height, width = published.input_size
    if channels != 3 or height != width:
        raise UnknownEncoderError(
            f"{name} takes pictures of {channels} x {height} x {width}, not square ones in colour"
        )
    squash = published.crop_mode == "squash"
    return Preprocessing(
        size_px=height,
        resize_px=height if squash else math.floor(height / published.crop_pct),
        fit="squash" if squash else "crop",
        interpolation="bilinear" if published.interpolation == "bilinear" else "bicubic",
    )


def _classifiers(published: Any) -> tuple[str, ...]:
    names = published.classifier
    return (names,) if isinstance(names, str) else tuple(names or ())


def _with_current_names(state: "dict[str, Tensor]", network: Any) -> "dict[str, Tensor]":
    """Rename weights of older layouts as timm does; keep others as they are."""
    if state.keys() >= network.state_dict().keys():
        return state
    rename = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if rename is None:
        return state
    try:
        return dict(rename(dict(state), network))
    except Exception:  # noqa: BLE001 - made for one layout, it fails on others in any way
        return state


def _hub_weights(published: Any, request: EncoderRequest) -> Path:
    """Return the published file from either cache, else download it if allowed."""
    repository, url = published.hf_hub_id, published.url
    names = (published.hf_hub_filename,) if published.hf_hub_filename else FILE_NAMES
    if repository and (cached := hugging_face_cached(repository, names)):
        return cached
    if url and torch_hub_path(url).is_file():
        return torch_hub_path(url)
    if repository:
        return hugging_face_weights(repository, names, request)
    if url:
        return torch_hub_weights(url, request)
    raise WeightsError(
        f"there are no published weights of {request.name}", fix="name a file with --weights"
    )
