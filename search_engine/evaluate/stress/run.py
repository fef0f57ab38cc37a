"""Run the stress test: ask a user's own queries again, made harder step by step.

Queries are compared with themselves, so a drop is more precise than the difference of two
independent accuracies.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search_engine.collections.labelled import Labelled
from search_engine.encoders.base import Encoder, encode_possible
from search_engine.encoders.projection import base_of, project
from search_engine.encoders.runtime.base import NetworkSource
from search_engine.evaluate.bootstrap import Interval, interval, samples_of
from search_engine.evaluate.predictors import Predictor, predict_labels
from search_engine.evaluate.ranking import CURVE_DEPTH, Hiding, Ranking, Space, rank, same_label
from search_engine.evaluate.results import answers_of, mean_of
from search_engine.evaluate.splits import narrowed, product_groups, with_vectors
from search_engine.evaluate.stress import adversarial
from search_engine.evaluate.stress.difficulties import DIFFICULTIES, Difficulty, Picture
from search_engine.images import CATALOG_FORMATS, ImageLimits, Preprocessing, decode_pixels
from search_engine.metrics import defined_mean
from search_engine.records import Pixels, Vectors

BASE_SIDE_PX = 384
SAMPLE_SIDE_PX = 112
QUERIES = 100
RESAMPLES = 1_000
SAMPLE_QUALITY = 80
ADVERSARIAL = "adversarial"


@dataclass(frozen=True, slots=True)
class StressRow:
    """One difficulty at one strength (0 slight, 1 medium, 2 severe).

    `drop` is accuracy before minus after, with its 95 % interval (paired bootstrap); `cosine` is
    the mean similarity of each embedding to that of the unchanged photo. `picture` is a small JPEG
    of one of the queries, or None.
    """

    name: str
    family: str
    strength: int
    amount: str
    accuracy: float
    drop: float
    interval: Interval | None
    hit_rate: float | None
    cosine: float
    picture: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Stress:
    """The unchanged queries, the results under each difficulty, and what was skipped and why.

    `relearned` tells that queries were asked by what was learned again without them.
    """

    queries: int
    accuracy: float
    hit_rate: float | None
    rows: tuple[StressRow, ...]
    skipped: tuple[tuple[str, str], ...]
    relearned: bool = False
    original: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StressTask:
    """What to ask: `photos` are upright RGB pictures of the queries, in order.

    `spaces` are as for `rank`; where there are any, the encoder is one behind a projection.
    """

    photos: Sequence[Picture]
    queries: Labelled
    gallery: Labelled
    encoder: Encoder
    predictor: Predictor
    hiding: Hiding | None
    seed: int
    spaces: Sequence[Space] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where some of the queries, `rows` (q,), are asked; by embeddings of `space`, if any."""

    rows: NDArray[np.int64]
    gallery: Labelled
    space: Space | None

    def vectors(self, vectors: Vectors) -> Vectors:
        """Return those of these queries here, (q, d), from those of all by the encoder, (Q, D)."""
        here = vectors[self.rows]
        return here if self.space is None else project(here, *self.space.learned)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Results of the queries: whether right, whether the first hit is relevant, embeddings.

    `correct` and `hit` (Q,) are in the order of the queries, `vectors` (q, d) by place.
    """

    correct: NDArray[np.float64]
    hit: NDArray[np.float64]
    vectors: list[Vectors]


@dataclass(frozen=True, slots=True)
class _Variant:
    """All queries under one difficulty; `picture` is a small JPEG of one of them."""

    name: str
    family: str
    strength: int
    amount: str
    pixels: Pixels
    picture: bytes


def steps() -> int:
    """Return how often `stress` calls `advance`."""
    return 1 + 3 * (len(DIFFICULTIES) + 1)


def stress(task: StressTask, advance: Callable[[int], None] = lambda count: None) -> Stress:
    """Ask every query unchanged, and under each difficulty at three strengths."""
    pixels = _fitted(task.photos, task.encoder.spec.preprocessing)
    places = _places(task)
    clean = _ask(task, places, pixels)
    advance(1)
    shown = int(np.argmax(clean.correct))  # one that was right, if any
    source = adversarial.network_of(task.encoder)
    skipped: tuple[tuple[str, str], ...] = ()
    attacks: Iterator[_Variant] = iter(())
    if isinstance(source, str):
        skipped = ((ADVERSARIAL, source),)
    else:
        attacks = _attacks(task, clean, pixels, source, shown)
    rows = []
    for variant in chain(_ahead(_variants(task, shown)), attacks):
        rows.append(_compared(task, clean, _ask(task, places, variant.pixels), variant))
        advance(1)
    return Stress(
        len(task.photos), float(clean.correct.mean()), defined_mean(clean.hit),
        tuple(rows), skipped, len(task.spaces) > 0, _small(task.photos[shown]),
    )  # fmt: skip


def made(
    photos: Sequence[Picture], difficulty: Difficulty, number: int, strength: int, seed: int
) -> list[Picture]:
    """Apply a difficulty to each photo, with the same random choices at every strength."""
    return [
        difficulty.make(
            photo, difficulty.amounts[strength], np.random.default_rng((seed, number, row))
        )
        for row, photo in enumerate(photos)
    ]


def _variants(task: StressTask, shown: int) -> Iterator[_Variant]:
    """Yield the queries under each difficulty at each strength."""
    for number, difficulty in enumerate(DIFFICULTIES):
        for strength in range(len(difficulty.amounts)):
            pictures = made(task.photos, difficulty, number, strength, task.seed)
            yield _Variant(
                difficulty.name, difficulty.family, strength, difficulty.told(strength),
                _fitted(pictures, task.encoder.spec.preprocessing), _small(pictures[shown]),
            )  # fmt: skip


def _ahead(variants: Iterator[_Variant]) -> Iterator[_Variant]:
    """Yield the same, making each in another thread while the one before is being asked."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, variants, None)
        while (variant := coming.result()) is not None:
            coming = maker.submit(next, variants, None)
            yield variant


def _attacks(
    task: StressTask, clean: _Outcome, pixels: Pixels, source: NetworkSource, shown: int
) -> Iterator[_Variant]:
    """Yield the queries with imperceptible changes that are computed to mislead the encoder."""
    towards, away = _rivals(task, clean)
    signs = adversarial.misleading_signs(source, pixels, towards, away)
    for strength, levels in enumerate(adversarial.STEPS):
        changed = adversarial.perturbed(pixels, signs, levels)
        yield _Variant(
            "invisible attack", ADVERSARIAL, strength, f"{levels:.0f} of 255 levels, computed",
            changed, _small(Image.fromarray(changed[shown])),
        )  # fmt: skip


def _rivals(task: StressTask, clean: _Outcome) -> tuple[Vectors, Vectors]:
    """Return for each query the nearest items of another and of its own label, or itself."""
    labels = np.array([label or "" for label in task.gallery.labels])
    (own_vectors,) = clean.vectors  # behind a projection, as spaces have one, nothing is attacked
    towards, away = own_vectors.copy(), own_vectors.copy()
    found = _found(task, with_vectors(task.queries, own_vectors), task.gallery, task.hiding)
    for row, label in enumerate(task.queries.labels):
        items = found.neighbors[row]
        items = items[items >= 0]
        own = labels[items] == label
        if (~own).any():
            towards[row] = task.gallery.vectors[items[~own][0]]
        if own.any():
            away[row] = task.gallery.vectors[items[own][0]]
    return towards, away


def _compared(task: StressTask, clean: _Outcome, outcome: _Outcome, variant: _Variant) -> StressRow:
    cosines = [
        (before * after).sum(axis=1)
        for before, after in zip(clean.vectors, outcome.vectors, strict=True)
    ]
    lost = clean.correct - outcome.correct
    groups = product_groups(task.queries)
    drawn = samples_of({"drop": mean_of(lost)}, groups, RESAMPLES, task.seed)
    return StressRow(
        variant.name, variant.family, variant.strength, variant.amount,
        float(outcome.correct.mean()), float(lost.mean()), interval(drawn["drop"]),
        defined_mean(outcome.hit), float(np.concatenate(cosines).mean()),
        variant.picture,
    )  # fmt: skip


def _places(task: StressTask) -> list[_Place]:
    """Return where each query is asked: in the space, if there are any, that has not seen it."""
    if not task.spaces:
        return [_Place(np.arange(len(task.photos)), task.gallery, None)]
    return [
        _Place(
            np.flatnonzero(np.isin(task.queries.keys, task.gallery.keys[space.unseen])),
            with_vectors(task.gallery, space.vectors()),
            space,
        )
        for space in task.spaces
    ]


def _ask(task: StressTask, places: Sequence[_Place], pixels: Pixels) -> _Outcome:
    """Embed and rank; a picture without an embedding finds nothing."""
    encoder = (base_of(task.encoder) if task.spaces else None) or task.encoder
    kept, found = encode_possible(encoder, pixels)
    vectors = np.zeros((len(pixels), encoder.spec.dimension), dtype=np.float32)
    vectors[kept] = found
    outcome = _Outcome(np.zeros(len(pixels)), np.full(len(pixels), np.nan), [])
    for place in places:
        queries, hiding = narrowed(task.queries, task.hiding, place.rows)
        queries = with_vectors(queries, place.vectors(vectors))
        ranking = _found(task, queries, place.gallery, hiding)
        predictions = predict_labels(task.predictor, ranking, place.gallery)
        said = answers_of([str(label) for label in queries.labels], predictions)
        seen = np.isin(place.rows, kept)
        outcome.correct[place.rows] = said.correct & seen
        hit = ranking.relevant[:, :1].any(axis=1) & seen
        outcome.hit[place.rows] = np.where(ranking.answerable, hit, np.nan)
        outcome.vectors.append(queries.vectors)
    return outcome


def _found(
    task: StressTask, queries: Labelled, gallery: Labelled, hiding: Hiding | None
) -> Ranking:
    depth = max(task.predictor.depth, CURVE_DEPTH)
    return rank(queries, gallery, same_label(queries, gallery), depth, hiding)


def _fitted(pictures: Sequence[Picture], preprocessing: Preprocessing) -> Pixels:
    """Prepare pictures for the encoder, losslessly, in the same way as any photo."""
    limits = ImageLimits(formats=CATALOG_FORMATS)
    fitted = []
    for picture in pictures:
        buffer = io.BytesIO()
        picture.save(buffer, "BMP")
        fitted.append(decode_pixels(buffer.getvalue(), preprocessing, limits).pixels)
    return np.stack(fitted)


def _small(picture: Picture) -> bytes:
    """Render a small JPEG for people."""
    shown = picture.copy()
    shown.thumbnail((SAMPLE_SIDE_PX, SAMPLE_SIDE_PX))
    buffer = io.BytesIO()
    shown.save(buffer, "JPEG", quality=SAMPLE_QUALITY, optimize=True)
    return buffer.getvalue()
