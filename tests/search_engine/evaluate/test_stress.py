"""Difficulties made on purpose: pure, graded, and counted rightly."""

from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from search_engine.collections.labelled import Labelled
from search_engine.encoders.base import EncoderSpec, unit_rows
from search_engine.encoders.classic import HSV_SPEC
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.encoders.runtime.base import NetworkSource
from search_engine.evaluate.predictors import PlainVote
from search_engine.evaluate.stress import adversarial
from search_engine.evaluate.stress.difficulties import (
    DIFFICULTIES,
    Difficulty,
    border_colour,
    gamma,
    occlusion,
)
from search_engine.evaluate.stress.run import StressTask, _fitted, made, steps, stress
from search_engine.images import Preprocessing
from search_engine.records import Pixels, Vectors

EVERY = pytest.mark.parametrize("difficulty", DIFFICULTIES, ids=lambda one: one.name)


def photo(colour: str = "tomato", size: tuple[int, int] = (90, 120)) -> Image.Image:
    """Something with an up, a left, edges and fine structure, on a plain ground."""
    picture = Image.new("RGB", size, "beige")
    draw = ImageDraw.Draw(picture)
    width, height = size
    draw.polygon(
        [(width * 0.2, height * 0.8), (width * 0.5, height * 0.1), (width * 0.6, height * 0.8)],
        fill=colour,
    )
    for line in range(0, height, 6):
        draw.line((width * 0.65, line, width * 0.8, line + 3), fill="navy")
    return picture


def difference(one: Image.Image, other: Image.Image) -> float:
    same_size = other.resize(one.size)
    return float(np.abs(np.asarray(one, float) - np.asarray(same_size, float)).mean())


@EVERY
@pytest.mark.parametrize("strength", range(3))
def test_a_difficulty_changes_a_picture_and_not_its_input(
    difficulty: Difficulty, strength: int
) -> None:
    before = photo()
    (after,) = made([before], difficulty, 0, strength, seed=3)
    assert after.mode == "RGB"
    assert sorted(after.size) == sorted(before.size)
    assert difference(before, photo()) == 0
    assert difference(before, after) > 0.2


@EVERY
def test_the_same_seed_makes_the_same_picture(difficulty: Difficulty) -> None:
    first, same = (made([photo()], difficulty, 0, 1, seed=3)[0] for _ in range(2))
    assert first.tobytes() == same.tobytes()


@pytest.mark.parametrize(
    "difficulty", [one for one in DIFFICULTIES if one.name != "far away"], ids=lambda one: one.name
)
def test_severe_is_worse_than_slight(difficulty: Difficulty) -> None:
    photos = [photo(colour) for colour in ("tomato", "teal", "gold", "black")]
    slight, severe = (
        np.mean([difference(*pair) for pair in zip(photos, made(photos, difficulty, 0, s, 1),
                                                   strict=True)])
        for s in (0, 2)
    )  # fmt: skip
    assert severe > slight


@EVERY
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 2)])
def test_pictures_may_be_of_any_size(difficulty: Difficulty, size: tuple[int, int]) -> None:
    for strength in range(3):
        (after,) = made([Image.new("RGB", size, "red")], difficulty, 0, strength, seed=0)
        assert min(after.size) >= 1


@EVERY
def test_amounts_are_told_in_words(difficulty: Difficulty) -> None:
    told = [difficulty.told(strength) for strength in range(3)]
    assert len(set(told)) == 3
    assert "{" not in "".join(told)


def test_what_is_far_away_is_small() -> None:
    """Pixel by pixel an empty ground may be nearer to the photo than one shifted a little."""
    (far,) = (one for one in DIFFICULTIES if one.name == "far away")
    shares = [
        (np.asarray(made([photo()], far, 0, strength, 1)[0]) != (245, 245, 220)).any(axis=2).mean()
        for strength in range(3)
    ]
    assert shares[0] > 2 * shares[1] > 4 * shares[2] > 0


def test_an_occlusion_covers_as_much_as_it_says() -> None:
    white = Image.new("RGB", (100, 100), "white")
    hidden = np.asarray(occlusion(white, 0.25, np.random.default_rng(1)))
    assert (hidden != 255).any(axis=2).mean() == pytest.approx(0.25, abs=0.01)


def test_gamma_leaves_black_and_white() -> None:
    picture = Image.new("RGB", (2, 1))
    picture.putpixel((1, 0), (255, 255, 255))
    assert gamma(picture, 4.0, np.random.default_rng(0)).tobytes() == picture.tobytes()


def test_the_ground_is_what_stands_at_the_border() -> None:
    assert border_colour(photo()) == (245, 245, 220)


def colour_task(count: int = 6, encoder: Any = None) -> StressTask:
    """Photos of two colours against a catalog of the same colours."""
    encoder = encoder or create_encoder(EncoderRequest("hsv"))
    colours = ["tomato", "teal"]
    labels = [colours[row % 2] for row in range(count)]
    photos = [photo(label, (60 + row, 80)) for row, label in enumerate(labels)]
    vectors = encoder.encode(_fitted(photos, encoder.spec.preprocessing))
    gallery = Labelled(vectors, labels, np.arange(count))
    queries = Labelled(vectors, labels, np.full(count, -1))
    return StressTask(photos, queries, gallery, encoder, PlainVote(1), None, 0)


def test_a_stress_test_compares_queries_with_themselves() -> None:
    done: list[int] = []
    found = stress(colour_task(), done.append)
    assert found.queries == 6
    assert found.accuracy == 1.0
    assert len(found.rows) == 3 * len(DIFFICULTIES)
    assert sum(done) <= steps()
    by_name = {(row.name, row.strength): row for row in found.rows}
    for row in found.rows:
        assert row.drop == pytest.approx(found.accuracy - row.accuracy)
        assert row.cosine <= 1.0001
        assert row.picture is not None
        assert len(row.picture) < 20_000
    mirrored = by_name["mirrored", 0]
    assert mirrored.accuracy == 1.0  # colours by cells, with the same colours left and right
    assert by_name["without colour", 2].cosine < mirrored.cosine


def test_an_encoder_without_gradient_is_not_attacked_and_the_reason_is_given() -> None:
    ((name, reason),) = stress(colour_task()).skipped
    assert name == "adversarial"
    assert "hsv is not a torch network" in reason


class _Network:
    """A linear network over a few pixels, as an encoder with its source."""

    spec = EncoderSpec("linear", 8, Preprocessing(4, 4, fit="squash"), weights_sha256="x")
    runtime = "test"

    def __init__(self) -> None:
        import torch
        from torch import nn

        class Linear(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                torch.manual_seed(0)
                self.inner = nn.Linear(48, 8)

            def forward(self, pixels: torch.Tensor) -> torch.Tensor:
                result: torch.Tensor = self.inner(pixels.float().flatten(1) / 255)
                return result

        self.source = NetworkSource(self.spec, Linear)
        self._network = Linear()

    def encode(self, pixels: Pixels) -> Vectors:
        import torch

        with torch.inference_mode():
            return unit_rows(self._network(torch.from_numpy(np.array(pixels))).numpy())


def test_an_attack_moves_embeddings_where_it_wants_by_no_more_than_allowed() -> None:
    encoder = _Network()
    rng = np.random.default_rng(0)
    pixels = rng.integers(60, 200, (5, 4, 4, 3)).astype(np.uint8)
    own = encoder.encode(pixels)
    other = encoder.encode(rng.integers(60, 200, (5, 4, 4, 3)).astype(np.uint8))
    signs = adversarial.misleading_signs(encoder.source, pixels, other, own)
    changed = adversarial.perturbed(pixels, signs, 4)
    assert np.abs(changed.astype(int) - pixels).max() <= 4
    moved = encoder.encode(changed)
    gain = (moved * (other - own)).sum(axis=1) - (own * (other - own)).sum(axis=1)
    assert (gain > 0).all()


def test_a_network_is_attacked_in_a_stress_test() -> None:
    found = stress(colour_task(encoder=_Network()))
    attacks = [row for row in found.rows if row.family == "adversarial"]
    assert [row.strength for row in attacks] == [0, 1, 2]
    assert found.skipped == ()
    assert attacks[2].cosine < attacks[0].cosine < 1


def test_a_network_behind_a_learned_projection_is_not_attacked() -> None:
    from dataclasses import replace

    encoder = _Network()
    encoder.spec = replace(encoder.spec, projection="abc")
    assert "projection" in str(adversarial.network_of(encoder))
    assert "hsv" in str(adversarial.network_of(create_encoder(EncoderRequest("hsv"))))
    assert HSV_SPEC.projection is None
