"""Which encoder to take for which catalog: networks, with what is published of each.

Licences, dimensions and sizes are what timm and OpenCLIP state, which a test compares. Figures are
of others, each with its source; those of different benchmarks cannot be compared.
"""

from dataclasses import dataclass

_OML = "OML, README zoo table"
_LOOKBENCH = "LookBench 2026, README"
_SOP = "Stanford Online Products, recall@1"


@dataclass(frozen=True, slots=True)
class Figure:
    """A published measure of product search without training on the data, and who published it."""

    measure: str
    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Recommended:
    """An encoder by the name that `index --encoder` takes, and what it is good for.

    `licence` is that of the weights, `dimension` that of the embeddings by the usual pooling,
    `size_px` the side of the pictures that the network sees. `bundled` weights come with Eyedex or
    its extra `best`; others are fetched by `--download` or given by `--weights`.
    """

    name: str
    suits: str
    licence: str
    dimension: int
    size_px: int
    bundled: bool = False
    texts: bool = False
    figures: tuple[Figure, ...] = ()


RECOMMENDED = (
    Recommended(
        "efficientnet_lite0", "any catalog with labels to tune by, on two cores", "apache-2.0",
        1280, 224, bundled=True,
    ),
    Recommended(
        "efficientnet_lite2", "the same, a little better at two thirds of the rate", "apache-2.0",
        1280, 260, bundled=True,
    ),
    Recommended(
        "open_clip:ViT-B-16-SigLIP2.webli", "fashion and products without labels; words as queries",
        "apache-2.0", 768, 224, texts=True,
        figures=(Figure("LookBench (fashion), fine recall@1", 46.1, _LOOKBENCH),),
    ),
    Recommended(
        "open_clip:MobileCLIP2-S0.dfndr2b", "words as queries on a small machine; research only",
        "apple-amlr", 512, 256, texts=True,
    ),
    Recommended(
        "open_clip:PE-Core-B-16.meta", "words as queries, things of any kind", "apache-2.0",
        1024, 224, texts=True,
    ),
    Recommended(
        "open_clip:ViT-B-32.openai", "words as queries, with large patches", "apache-2.0",
        512, 224, texts=True,
        figures=(
            Figure(_SOP, 61.2, _OML),
            Figure("In-shop clothes, recall@1", 49.1, _OML),
        ),
    ),
    Recommended(
        "timm:convnext_tiny.dinov3_lvd1689m", "fine differences without labels",
        "dinov3-license", 768, 224,
    ),
    Recommended(
        "timm:vit_small_patch16_224.dino", "products without labels and without captions",
        "apache-2.0", 384, 224,
        figures=(Figure(_SOP, 64.8, _OML),),
    ),
    Recommended(
        "timm:vit_base_patch8_224.dino", "the same with smaller patches: better, slower",
        "apache-2.0", 768, 224,
        figures=(Figure(_SOP, 68.9, _OML),),
    ),
    Recommended(
        "timm:resnet50.tv_in1k", "a baseline to compare with", "bsd-3-clause", 2048, 224,
        figures=(
            Figure(_SOP, 51.5, _OML),
            Figure("In-shop clothes, recall@1", 28.4, _OML),
        ),
    ),
)  # fmt: skip
"""What to look at first, the default first."""
