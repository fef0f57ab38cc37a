"""What is told beside the figures of an evaluation, on standard error."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from api.cli.terminal.wording import counted

if TYPE_CHECKING:
    from search_engine.evaluate.unknown_labels import UnknownLabel

SHOWN_LABELS = 10
LEARNED_FROM = (
    "note: the encoder learned from the labels of these items, so photos that it has not seen get "
    "fewer right; evaluate labelled photos of their own"
)
RELEARNED = (
    "note: the encoder learned from the labels of these items, so each was asked by what is "
    "learned without it"
)


def print_alone(items: int, split: str) -> None:
    """Say how many items were held out one by one, though others were by the split."""
    if items:
        print(f"note: {split}, but {counted(items, 'item')} one by one", file=sys.stderr)


def print_known_photos(photos: int) -> None:
    """Say that photos are items: what looks like them, or learned from them, was not held out."""
    if photos:
        print(
            f"note: {counted(photos, 'photo')} that the catalog has: asked without the same photo, "
            "but with others of its product; `eyedex evaluate` without QUERIES hides those, too",
            file=sys.stderr,
        )


def print_learning(learned: bool, relearned: int, later: int) -> None:
    """Say what to know of figures by items that the encoder learned from.

    Args:
        learned: Whether it did.
        relearned: How often it learned again without some of them.
        later: How many items came after what it learned.
    """
    if learned:
        print(RELEARNED if relearned else LEARNED_FROM, file=sys.stderr)
    if later:
        print(f"note: left out as it came later: {counted(later, 'item')}", file=sys.stderr)


def print_unknown_labels(labels: "Sequence[UnknownLabel]") -> None:
    """Name the labels of queries that the catalog does not have."""
    for label in labels[:SHOWN_LABELS]:
        photos = "1 photo" if label.photos == 1 else f"{label.photos:,} photos"
        print(f"note: {label} ({photos}, left out of the measures)", file=sys.stderr)
    if len(labels) > SHOWN_LABELS:
        more = len(labels) - SHOWN_LABELS
        print(f"note: {more:,} more labels are not in the catalog; see --json", file=sys.stderr)
