"""The verb that calibrates."""

import sys
from typing import TYPE_CHECKING

from api.cli.flags import with_flags
from api.cli.options import CollectionOption, DataOption, JsonOption, open_engine
from api.cli.recording import recorded, told
from api.cli.terminal.output import print_json, print_table
from indexer.declared import Calibrating
from search_engine.vote.calibration.summary import ACCURACIES, calibration_json

if TYPE_CHECKING:
    from search_engine.vote.calibration.record import Calibration

LEFT_OUT = {
    "one": "alone",
    "product": "with all photos of its product",
    "scene": "with all photos that look like it",
    "group": "with all photos of its group",
}


@with_flags(wanted=Calibrating)
def calibrate(
    data: DataOption = None,
    collection: CollectionOption = "default",
    *,
    wanted: Calibrating,
    as_json: JsonOption = False,
) -> None:
    """Learn from the catalog's own items how far its votes can be trusted.

    Finds k and temperature, and turns the share of the votes into the probability of being right;
    `eyedex classify` and the server use it from then on. `eyedex index` does it for label.
    """
    from search_engine.vote.calibration.collection import CalibrationRequest, calibrate_collection
    from search_engine.vote.calibration.store import edited_share, load_calibration

    request = CalibrationRequest(**vars(wanted), easy=True)
    with open_engine(data) as engine:
        record = engine.live(collection).record
        before = load_calibration(engine.catalog, record, wanted.target)
        moved = None if before is None else edited_share(engine.catalog, record, before)
        total = min(request.queries, engine.catalog.count(record))
        with (
            recorded(engine.settings, collection, "calibrate", **vars(wanted)) as running,
            told(running)("calibrating", total) as advance,
        ):
            found = calibrate_collection(engine.catalog, collection, request, advance)
            running.result = calibration_json(found)
    if as_json:
        print_json({**calibration_json(found), "moved": None if moved is None else round(moved, 6)})
        return
    if moved is not None:
        print(f"{moved:.1%} of the items had changed since the last time", file=sys.stderr)
    _print(found)


def _print(found: "Calibration") -> None:
    figures = found.figures
    print(
        f"{found.target}: k {found.rule.k}, temperature {found.rule.temperature:g}; "
        f"{figures.queries:,} photos, each held out {LEFT_OUT[figures.left_out]}"
    )
    measured = "accuracy" if found.values is None else "precision of the values answered"
    expected = f"{measured} {figures.accuracy:.3f}"
    if figures.accuracy_low is not None:
        expected += f" ({figures.accuracy_low:.2f} to {figures.accuracy_high:.2f})"
    print(
        f"{expected}; calibration error {figures.ece_before:.3f} before, "
        f"{figures.ece_after:.3f} after ({figures.ece_expected:.3f} if perfect)"
    )
    for level in figures.levels if len(figures.levels) > 1 else ():
        print(
            f"  level {level.level}: accuracy {level.accuracy:.3f}, error {level.ece:.3f} "
            f"({level.ece_expected:.3f} if perfect)"
        )
    if figures.easy_accuracy is not None:
        print(
            f"held out one by one, beside photos that look like it: accuracy "
            f"{figures.easy_accuracy:.3f}; do not expect that of new photos"
        )
    rows = []
    for wanted in ACCURACIES:
        point = found.point(wanted)
        sure, answered = ("-", "-") if point is None else (
            f"{point.confidence:.3f}", f"{point.coverage:.0%}"
        )  # fmt: skip
        rows.append((f"{wanted:.0%}", sure, answered))
    print_table(("right", "from confidence", "answered"), rows)
