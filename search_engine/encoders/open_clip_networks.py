"""Networks of OpenCLIP for pictures and texts: `open_clip:<architecture>.<weights>`.

They learned from pictures with captions, so that a text lies near the pictures that show what it
says. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021;
Ilharco et al., "OpenCLIP", 2021.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_engine.encoders.base import EncoderSpec
from search_engine.encoders.cnn import CnnEncoder, Trunk, network_sources
from search_engine.encoders.hubs import hugging_face_weights
from search_engine.encoders.open_clip_texts import TextTower
from search_engine.encoders.poolings import no_maps
from search_engine.encoders.registry import EncoderRequest, unknown_encoder
from search_engine.encoders.torch_imports import import_open_clip
from search_engine.encoders.weights import file_sha256
from search_engine.errors import ParameterError, UnknownEncoderError, WeightsError
from search_engine.images import Preprocessing
from search_engine.records import Vectors

if TYPE_CHECKING:
    from torch import Tensor, nn

FILE_NAMES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
POOLING = "network"
"""Its own: it has no other."""


class ClipEncoder(CnnEncoder):
    """A network for pictures, and one for texts beside it; see TextEncoder."""

    _texts: TextTower

    @classmethod
    def of(
        cls, request: EncoderRequest, spec: EncoderSpec, trunk: Trunk, texts: TextTower
    ) -> "ClipEncoder":
        """Combine the two; each is only built when needed."""
        found = cls(request, *network_sources(request, spec, trunk))
        found._texts = texts
        return found

    @property
    def logit_scale(self) -> float:
        """See TextEncoder."""
        return self._texts.logit_scale

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """See TextEncoder."""
        return self._texts.encode(texts)


def open_clip_network(request: EncoderRequest) -> ClipEncoder:
    """A network of OpenCLIP, embeddings as wide as pictures and texts share: for the registry.

    `<weights>` are those of a name that OpenCLIP lists, from the hub cache; with a file of weights
    it may be left out, and pictures are prepared as for the first of its architecture.

    Raises:
        UnknownEncoderError: There is no such architecture, or there are no such weights of it.
        WeightsError: The weights are missing, or do not fit.
        MissingExtraError: OpenCLIP is not installed.
    """
    if request.pooling is not None:
        raise ParameterError(
            f"{request.name} has one pooling, its own", where="pooling", fix="leave it out"
        )
    architecture, _, tag = request.variant.partition(".")
    network = _config(architecture, request.name)
    published = _published(architecture, tag, request)
    weights = request.weights or _hub_weights(published, request)
    spec = EncoderSpec(
        name=request.name,
        dimension=network["embed_dim"],
        preprocessing=_preprocessing(network["vision_cfg"]["image_size"], published, request.name),
        weights_sha256=file_sha256(weights),
        mean=tuple(published["mean"]),
        std=tuple(published["std"]),
        pooling=POOLING,
    )

    def build() -> Any:
        return _network(architecture, bool(published.get("quick_gelu")), weights, request.name)

    trunk = Trunk(lambda: _pictures_only(build()), lambda: _no_split(request.name))
    return ClipEncoder.of(request, spec, trunk, TextTower(architecture, request.name, build))


@lru_cache(maxsize=1)
def open_clip_names() -> tuple[str, ...]:
    """List all architectures with each of their published weights."""
    open_clip = import_open_clip()
    pairs = open_clip.list_pretrained()
    return tuple(f"{architecture}.{tag}" for architecture, tag in pairs)


def _config(architecture: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] | None = import_open_clip().get_model_config(architecture)
    if found is None or ":" in architecture:
        raise unknown_encoder(f"OpenCLIP has no architecture {architecture!r}", name)
    return found


def _published(architecture: str, tag: str, request: EncoderRequest) -> Mapping[str, Any]:
    """What OpenCLIP says of published weights: how they want their pictures, and where they are."""
    open_clip = import_open_clip()
    tags: list[str] = open_clip.list_pretrained_tags_by_model(architecture)
    if tag not in tags and (tag or request.weights is None):
        what = f"weights {tag!r} of {architecture}" if tag else f"{architecture} without weights"
        known = ", ".join(f"open_clip:{architecture}.{each}" for each in tags)
        raise UnknownEncoderError(
            f"OpenCLIP has no {what}",
            where=request.name,
            fix=f"known: {known}" if known else "name a file with --weights",
        )
    usual = open_clip.transform.PreprocessCfg()
    default = {"mean": usual.mean, "std": usual.std, "interpolation": usual.interpolation}
    of_tag = open_clip.get_pretrained_cfg(architecture, tag or tags[0]) if tags else {}
    activation = {} if tag else {"quick_gelu": False}  # is that of the architecture itself
    return {**default, "resize_mode": usual.resize_mode, **of_tag, **activation}


def _hub_weights(published: Mapping[str, Any], request: EncoderRequest) -> Path:
    repository, _, name = published["hf_hub"].rpartition("/")
    return hugging_face_weights(repository, (name,) if name else FILE_NAMES, request)


def _preprocessing(size: Any, published: Mapping[str, Any], name: str) -> Preprocessing:
    """How OpenCLIP shows pictures to the network when it is evaluated."""
    height, width = (size, size) if isinstance(size, int) else size
    mode = published["resize_mode"]
    if height != width or mode not in ("shortest", "squash"):
        raise UnknownEncoderError(
            f"{name} takes pictures of {height} x {width}, resized by {mode}; only square ones, "
            "cropped or squashed, are made here"
        )
    return Preprocessing(
        size_px=height,
        resize_px=height,
        fit="squash" if mode == "squash" else "crop",
        interpolation="bilinear" if published["interpolation"] == "bilinear" else "bicubic",
    )


def _network(architecture: str, quick_gelu: bool, weights: Path, name: str) -> "nn.Module":
    try:
        network: nn.Module = import_open_clip().create_model(
            architecture,
            pretrained=str(weights.absolute()),
            force_quick_gelu=quick_gelu,
            weights_only=True,
        )
    except Exception as error:  # whatever a file of other weights, or none at all, makes it raise
        raise WeightsError(
            f"the weights do not fit {name}: {_shortened(error)}",
            where=str(weights),
            fix="they have to be of the same architecture, pictures and texts",
        ) from error
    return network.eval()


def _shortened(error: Exception) -> str:
    lines = " ".join(str(error).split())
    return f"{lines[:200]}..." if len(lines) > 200 else lines


def _pictures_only(network: Any) -> "nn.Module":
    from torch import nn

    class Pictures(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, samples: "Tensor") -> "Tensor":
            found: Tensor = self.network.encode_image(samples)
            return found

    return Pictures().eval()


def _no_split(name: str) -> "nn.Module":
    raise no_maps(name, "avg")
