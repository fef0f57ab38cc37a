"""What a change of encoder measured and did; undoing one is a change too."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from indexer.change.request import ChangeRequest
from search_engine.adapt.gate import Verdict
from search_engine.catalog.collection_rows import Collection
from search_engine.collections.encoders import PROJECTION


@dataclass(frozen=True, slots=True)
class EncoderFigures:
    """An encoder; the speed is that of encoding alone, None where it was not measured.

    `tuned` says that a projection learned from the catalog stands behind it.
    """

    name: str
    fingerprint: str
    dimension: int
    tuned: bool
    images_per_second: float | None = None

    @classmethod
    def of(cls, record: Collection, images_per_second: float | None = None) -> "EncoderFigures":
        """The encoder that a collection is bound to."""
        return cls(
            record.encoder or "",
            record.fingerprint or "",
            record.dimension or 0,
            PROJECTION in record.encoder_options,
            images_per_second,
        )


@dataclass(frozen=True, slots=True)
class Learning:
    """What a candidate learned from: items of so many classes, 0 classes where none has a label.

    `pooling` is that of the encoder behind the projection, `dimension_before` that of the encoder
    before anything was learned.
    """

    items: int
    classes: int
    shrinkage: float
    pooling: str
    dimension_before: int


@dataclass(slots=True)
class Report:
    """What a change of encoder measured and did; each step of the work fills in its part.

    `items` are those of the collection, `already_encoded` those with an embedding by the candidate
    from an earlier run, `encoded` those that got one now. `unsearchable` gives the items without
    one, by item id, with the code of the reason: they stay in the catalog, but no search by this
    encoder finds them. `verdict` is None where nothing could be compared; `refusals` say why the
    gate refuses. `outdated` names the classifiers trained for the encoder before, `uncalibrated`
    the targets whose vote was calibrated for it and is not for the new one. `changeover_s` is how
    long changing over took when everything was ready. `request` is None where the encoder before
    was given back, `learning` where nothing was learned.
    """

    before: EncoderFigures
    after: EncoderFigures
    items: int
    request: ChangeRequest | None = None
    learning: Learning | None = None
    verdict: Verdict | None = None
    refusals: Sequence[str] = ()
    changed: bool = False
    already_encoded: int = 0
    encoded: int = 0
    unsearchable: dict[str, str] = field(default_factory=dict)
    outdated: Sequence[str] = ()
    uncalibrated: Sequence[str] = ()
    changeover_s: float = 0.0
    seconds: float = 0.0

    @property
    def is_same(self) -> bool:
        """Whether the encoder that was named is the one in use."""
        return self.learning is None and self.before.fingerprint == self.after.fingerprint
