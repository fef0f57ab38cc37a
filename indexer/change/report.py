"""Reports of a change of encoder: what was measured and what was done. An undo is a change too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from indexer.change.request import ChangeRequest
from search_engine.adapt.gate import Verdict
from search_engine.catalog.collection_rows import Collection
from search_engine.collections.encoders import PROJECTION
from search_engine.vote.calibration.record import Calibration


@dataclass(frozen=True, slots=True)
class EncoderFigures:
    """An encoder and its speed, for encoding alone; None if that was not measured.

    `tuned` tells whether it ends in a projection learned from the catalog.
    """

    name: str
    fingerprint: str
    dimension: int
    tuned: bool
    images_per_second: float | None = None

    @classmethod
    def of(cls, record: Collection, images_per_second: float | None = None) -> "EncoderFigures":
        """Describe the encoder of a collection."""
        return cls(
            record.encoder or "",
            record.fingerprint or "",
            record.dimension or 0,
            PROJECTION in record.encoder_options,
            images_per_second,
        )


@dataclass(frozen=True, slots=True)
class Learning:
    """What a candidate learned from: items and their classes (0 if it learned without labels).

    `pooling` is that of the encoder whose output is projected, `dimension_before` the dimension
    before any tuning.
    """

    items: int
    classes: int
    shrinkage: float
    pooling: str
    dimension_before: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the gate refuses an encoder: a sentence, and for programs a code with its values."""

    code: Literal["worse", "lost", "not_better"]
    text: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text


class Promise(NamedTuple):
    """The share of new photos whose class is expected to be right, and its 95 % interval."""

    accuracy: float
    low: float
    high: float


@dataclass(slots=True)
class Report:
    """What a change of encoder measured and did; each step fills in its part.

    `items` counts the collection, `already_encoded` the embeddings left by an earlier run,
    `encoded` those made now. `unsearchable` maps the ids of items without an embedding to a reason
    code: they stay in the catalog, but searches by this encoder do not find them. `verdict` is None
    if nothing could be compared; `refusals` are the reasons of the gate. `outdated` has name
    and target of the classifiers trained for the previous encoder, `uncalibrated` the targets that
    were calibrated for it and are not for the new one; `calibrated` is the calibration of the
    request's target for the new one. `changeover_s` is the time of the final transaction and
    switch. `request` is None for an undo, `learning` if nothing was learned.
    """

    before: EncoderFigures
    after: EncoderFigures
    items: int
    request: ChangeRequest | None = None
    learning: Learning | None = None
    verdict: Verdict | None = None
    refusals: Sequence[Refusal] = ()
    changed: bool = False
    already_encoded: int = 0
    encoded: int = 0
    unsearchable: dict[str, str] = field(default_factory=dict)
    outdated: Sequence[Mapping[str, str]] = ()
    uncalibrated: Sequence[str] = ()
    calibrated: Calibration | None = None
    changeover_s: float = 0.0
    seconds: float = 0.0

    @property
    def is_same(self) -> bool:
        """Whether the requested encoder is already the one in use."""
        return self.learning is None and self.before.fingerprint == self.after.fingerprint

    @property
    def promise(self) -> Promise | None:
        """What to expect of new photos, by items held out with all that resembles them.

        It is that of the vote which answers, where that is calibrated, else of the gate's: a plain
        vote of ten, the same before and after.
        """
        figures, verdict = self.calibrated and self.calibrated.figures, self.verdict
        if figures and figures.accuracy_low is not None and figures.accuracy_high is not None:
            return Promise(figures.accuracy, figures.accuracy_low, figures.accuracy_high)
        if verdict is None or verdict.expected is None:
            return None
        return Promise(verdict.changes["accuracy"].after, *verdict.expected)
