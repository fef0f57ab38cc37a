"""Hand-made encoders: what they see, what they find, and what is refused."""

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from search_engine.adapt.int8_gate import votes_right
from search_engine.encoders.base import Encoder
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.encoders.union import UnionEncoder, parse_weights, weighted_query
from search_engine.encoders.words import Vocabulary, learn_vocabulary, load_vocabulary
from search_engine.errors import MissingExtraError, NoEmbeddingError, ParameterError, WeightsError
from search_engine.images import ImageLimits, decode_pixels
from search_engine.records import Pixels, Vectors
from tests.contract.conftest import MakeEncoder

HAND_MADE = ("hsv", "hog", "edges", "lbp", "color+shape+texture", "sift", "orb")
UNION = "color+shape+texture"
RED, GREEN = (200, 30, 30), (30, 160, 60)


def union() -> UnionEncoder:
    encoder = create_encoder(EncoderRequest(UNION))
    assert isinstance(encoder, UnionEncoder)
    return encoder


def drawn(encoder: Encoder, *pictures: tuple[str, tuple[int, int, int]]) -> Vectors:
    """Embeddings of a `disc`, a `box` of its area, a `bar` or `nothing`, of a colour on white."""
    side = encoder.spec.preprocessing.size_px
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    inside = {
        "disc": rows**2 + columns**2 < 0.09,
        "box": np.maximum(np.abs(rows), np.abs(columns)) < 0.266,
        "bar": np.abs(columns) < 0.1,
        "nothing": np.zeros((side, side), dtype=bool),
    }
    pixels = np.full((len(pictures), side, side, 3), 255, dtype=np.uint8)
    for picture, (shape, colour) in zip(pixels, pictures, strict=True):
        picture[inside[shape]] = colour
    return encoder.encode(pixels)


def flat(encoder: Encoder) -> Pixels:
    side = encoder.spec.preprocessing.size_px
    return np.full((1, side, side, 3), 128, dtype=np.uint8)


def first_labels(sample: Path) -> tuple[list[Path], list[str]]:
    """The pictures of the drawn catalog, and the first part of their labels."""
    with (sample / "catalog.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [row["label"].partition("/")[0] for row in rows]
    return [sample / row["image"] for row in rows], labels


@pytest.mark.parametrize("name", HAND_MADE)
def test_the_drawn_catalog_is_told_apart_far_better_than_by_chance(
    encoder_of: MakeEncoder, sample: Path, name: str
) -> None:
    """A view of a product has another view of it, of its colour and its shape, in the catalog."""
    encoder = encoder_of(name)
    paths, labels = first_labels(sample)
    decoded = [
        decode_pixels(path.read_bytes(), encoder.spec.preprocessing, ImageLimits()).pixels
        for path in paths
    ]
    found = votes_right(encoder.encode(np.stack(decoded)), labels)
    chance = max(labels.count(label) for label in labels) / len(labels)
    assert found.mean() > min(1.5 * chance, (1 + chance) / 2)


@pytest.mark.parametrize("name", ["hsv", UNION])
def test_the_same_colour_is_found(name: str) -> None:
    encoder = create_encoder(EncoderRequest(name))
    query, same, other = drawn(encoder, ("disc", RED), ("disc", RED), ("disc", GREEN))
    assert query @ same > query @ other + 0.05


@pytest.mark.parametrize("name", ["hog", "edges"])
def test_the_same_shape_is_found_in_any_colour(name: str) -> None:
    encoder = create_encoder(EncoderRequest(name))
    query, same, other = drawn(encoder, ("disc", RED), ("disc", GREEN), ("bar", RED))
    assert query @ same > query @ other + 0.2


@pytest.mark.parametrize("name", ["hog", "edges", "sift", "orb"])
def test_a_picture_of_nothing_has_no_embedding(encoder_of: MakeEncoder, name: str) -> None:
    with pytest.raises(NoEmbeddingError) as caught:
        encoder_of(name).encode(flat(encoder_of(name)))
    assert caught.value.rows == (0,)


@pytest.mark.parametrize("name", ["hsv", "lbp", UNION])
def test_a_picture_of_nothing_has_a_colour_and_a_texture(name: str) -> None:
    encoder = create_encoder(EncoderRequest(name))
    assert len(encoder.encode(flat(encoder))) == 1


def test_weights_of_a_query_say_what_counts() -> None:
    encoder = union()
    query, colour, shape = drawn(encoder, ("disc", RED), ("box", RED), ("disc", GREEN))

    def scores(**weights: float) -> list[float]:
        (weighted,) = encoder.weighted(query[None], weights)
        assert np.linalg.norm(weighted) == pytest.approx(1)
        return [float(weighted @ one) for one in (colour, shape)]

    of_colour, of_shape = scores(shape=0.1, texture=0), scores(color=0.1, texture=0)
    assert of_colour[0] > of_colour[1]
    assert of_shape[1] > of_shape[0]


def test_equal_weights_change_nothing() -> None:
    encoder = union()
    query = drawn(encoder, ("disc", RED))
    before = query.copy()
    weighted = encoder.weighted(query, {"color": 3, "shape": 3, "texture": 3})
    np.testing.assert_allclose(weighted, query, atol=1e-6)
    np.testing.assert_array_equal(query, before)


def test_a_weighted_score_is_the_weighted_mean_of_the_parts() -> None:
    encoder = union()
    query, item = drawn(encoder, ("disc", RED), ("bar", GREEN))
    parts = {name: float(query[block] @ item[block]) for name, block in encoder.blocks.items()}
    (weighted,) = encoder.weighted(query[None], {"color": 2, "shape": 0})
    wanted = (2 * parts["color"] + parts["texture"]) / np.sqrt((2**2 + 0 + 1) / 3)
    assert weighted @ item == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(
    "text",
    ["", "color", "color=", "color=x", "color=-1", "color=nan", "a=1,a=2", "color=1;shape=2"],
)
def test_weights_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_weights(text)
    assert caught.value.where == "weights"


def test_weights_are_read() -> None:
    assert parse_weights("color=2, shape=0.5") == {"color": 2, "shape": 0.5}


@pytest.mark.parametrize(
    "weights", [{"colour": 1.0}, {"color": 0.0, "shape": 0.0, "texture": 0.0}, {"color": 1e9}]
)
def test_weights_that_cannot_be_are_refused(weights: dict[str, float]) -> None:
    encoder = union()
    with pytest.raises(ParameterError) as caught:
        encoder.weighted(drawn(encoder, ("disc", RED)), weights)
    assert caught.value.where == "weights"
    assert caught.value.fix


def test_an_encoder_without_parts_cannot_be_weighed() -> None:
    encoder = create_encoder(EncoderRequest("hsv"))
    with pytest.raises(ParameterError, match="no parts") as caught:
        weighted_query(encoder, drawn(encoder, ("disc", RED)), {"color": 1.0})
    assert UNION in str(caught.value.fix)


@pytest.mark.parametrize("kind", ["sift", "orb"])
def test_the_vocabulary_is_part_of_the_identity(
    encoder_of: MakeEncoder, vocabulary_of: Callable[[str], Path], tmp_path: Path, kind: str
) -> None:
    words = load_vocabulary(vocabulary_of(kind), kind)
    other = _saved(tmp_path, Vocabulary(kind, words.centres, 2 * words.rarity))
    one = encoder_of(kind).spec
    assert one.dimension == len(words.centres)
    assert create_encoder(EncoderRequest(kind, other)).spec.fingerprint != one.fingerprint
    same = create_encoder(EncoderRequest(kind, vocabulary_of(kind)))
    assert same.spec.fingerprint == one.fingerprint


def _saved(folder: Path, vocabulary: Vocabulary) -> Path:
    from search_engine.encoders.words import save_vocabulary

    save_vocabulary(folder / "words", vocabulary)
    return folder / "words"


def test_words_cannot_be_learnt_from_nothing() -> None:
    with pytest.raises(ParameterError, match="too few"):
        learn_vocabulary("sift", [])
    with pytest.raises(ParameterError, match="too few"):
        learn_vocabulary("orb", [np.zeros((256, 256, 3), dtype=np.uint8)])


@pytest.mark.parametrize("kind", ["sift", "orb"])
def test_a_vocabulary_has_to_be_given(kind: str) -> None:
    with pytest.raises(WeightsError, match="needs a vocabulary") as caught:
        create_encoder(EncoderRequest(kind))
    assert f"--learn-vocabulary {kind}" in str(caught.value.fix)


@pytest.mark.parametrize("kind", ["sift", "orb"])
def test_a_file_that_is_no_vocabulary_is_refused(
    vocabulary_of: Callable[[str], Path], tmp_path: Path, kind: str
) -> None:
    good = vocabulary_of(kind).read_bytes()
    other = vocabulary_of("orb" if kind == "sift" else "sift").read_bytes()
    path = tmp_path / "words"
    for content in (b"", b"words", good[:-10], other, b"\xff" * 16):
        path.write_bytes(content)
        with pytest.raises(WeightsError) as caught:
            create_encoder(EncoderRequest(kind, path))
        assert caught.value.where == str(path)
    words = load_vocabulary(vocabulary_of(kind), kind)
    spoilt = Vocabulary(kind, words.centres, np.full_like(words.rarity, np.nan))
    with pytest.raises(WeightsError, match="damaged"):
        create_encoder(EncoderRequest(kind, _saved(tmp_path, spoilt)))


_FINGERPRINTS = """
import sys
from pathlib import Path
from search_engine.encoders.registry import EncoderRequest, create_encoder
for name, weights in zip(sys.argv[1::2], sys.argv[2::2]):
    request = EncoderRequest(name, Path(weights) if weights else None)
    print(name, create_encoder(request).spec.fingerprint)
"""


def test_fingerprints_are_the_same_in_another_process(
    encoder_of: MakeEncoder, vocabulary_of: Callable[[str], Path]
) -> None:
    words = {kind: str(vocabulary_of(kind)) for kind in ("sift", "orb")}
    arguments = [text for name in HAND_MADE for text in (name, words.get(name, ""))]
    command = [sys.executable, "-c", _FINGERPRINTS, *arguments]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wanted = [f"{name} {encoder_of(name).spec.fingerprint}" for name in HAND_MADE]
    assert said.splitlines() == wanted


@pytest.mark.parametrize("name", [name for name in HAND_MADE if name != "hsv"])
def test_without_opencv_the_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from search_engine.encoders import opencv_import

    monkeypatch.setattr(opencv_import, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as caught:
        create_encoder(EncoderRequest(name))
    assert "classic" in str(caught.value.fix)
