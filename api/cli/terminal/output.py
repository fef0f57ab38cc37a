"""What people and programs see: tables and JSON on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from api.cli.flag_names import as_typed
from api.cli.terminal.streams import shown, styled

if TYPE_CHECKING:
    from rich.console import Console

    from search_engine.records import FacetCount, Neighbor, Prediction

BAR_CELLS = 12
WIDEST = 100_000
"""Columns of what is no terminal, in which no row has to be folded."""
_JSON_CONTROLS = {code: rf"\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}
"""Those that JSON leaves as they are; a terminal would obey some."""

REASONS = {
    "too_far": "nothing in the catalog looks like this (too_far)",
    "disagree": "the closest items do not agree enough (disagree)",
    "too_few": "no item near it has a value (too_few)",
    "no_labels": "no item has a value (no_labels)",
}


class Notes:
    """What to know of answers, on stderr; each is said once, however many answers it is of."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def print(self, notes: Iterable[str]) -> None:
        """Say those that were not said yet."""
        for note in dict.fromkeys(notes):
            if note not in self._said:
                code, _, text = note.partition(": ")
                print(f"note: {as_typed(text or code)}", file=sys.stderr)
            self._said.add(note)


def print_json(value: Any) -> None:
    """One JSON object on one line; control characters are escaped as JSON does it."""
    print(json.dumps(value, ensure_ascii=False).translate(_JSON_CONTROLS), flush=True)


def console(stderr: bool = False) -> "Console":
    """A rich console that is plain off a terminal and honours NO_COLOR."""
    from rich.console import Console

    file = styled(sys.stderr if stderr else sys.stdout)
    return Console(file=file, highlight=False, soft_wrap=not sys.stdout.isatty())


def print_table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], whole: str | None = None
) -> None:
    """A table; numbers stand on the right.

    Off a terminal each row is one line. On one, long cells take several, but not those of the
    column `whole`, which people copy.
    """
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    listed = [[_cell(value) for value in row] for row in rows]
    for number, header in enumerate(headers):
        numeric = bool(listed) and all(_is_number(row[number]) for row in listed)
        side: Literal["left", "right"] = "right" if numeric else "left"
        table.add_column(
            escape(_text(header)), justify=side, overflow="fold", no_wrap=header == whole
        )
    for row in listed:
        table.add_row(*(escape(cell) for cell in row))
    printed = console()
    if not printed.is_terminal:
        printed.width = WIDEST
    printed.print(table)


def print_neighbors(neighbors: "Sequence[Neighbor]") -> None:
    """Rank, score, likeness, label and id of each, as far as it is known; and how many items its
    group has, if there are groups."""
    from search_engine.vote.calibration.alike import word_of

    if not neighbors:
        print("nothing was found", file=sys.stderr)
        return
    grouped = any(one.views is not None for one in neighbors)
    known = any(one.alike is not None for one in neighbors)
    rows = [
        (
            rank, f"{one.score:.4f}",
            *(() if one.alike is None else (_percent(one.alike), word_of(one.alike) or "")),
            one.item.label or "", one.item.item_id,
            *((one.views.count if one.views else 1,) if grouped else ()),
        )
        for rank, one in enumerate(neighbors, 1)
    ]  # fmt: skip
    headers = (
        "rank", "score", *(("alike", "likeness") if known else ()),
        "label", "item_id", *(("views",) if grouped else ()),
    )  # fmt: skip
    print_table(headers, rows)


def print_facets(facets: Mapping[str, Sequence["FacetCount"]]) -> None:
    """A table for each field: its values, and how many items have them."""
    for field, counts in facets.items():
        print()
        print_table((field, "items"), [(_plain(one.value), one.count) for one in counts])


def _plain(value: object) -> str:
    """A value as filters take it: texts as they are, true and false in lower case."""
    return value if isinstance(value, str) else json.dumps(value)


def print_prediction(prediction: "Prediction") -> None:
    """The class, how sure, and the votes behind it."""
    said = (
        f"{_percent(prediction.confidence)} {'sure' if prediction.calibrated else 'of the votes'}"
    )
    if prediction.values is not None and not prediction.abstained:
        chances = {one.value: one.probability for one in prediction.chances}
        print(", ".join(f"{value} ({_percent(chances[value])})" for value in prediction.values))
    elif prediction.label is not None:
        print(f"{prediction.label}  ({said})")
    else:
        print(f"no class: {REASONS.get(prediction.reason or '', prediction.reason)}")
    if len(prediction.levels) > 1:
        path = (
            f"{one.label.split('/')[-1]} {_percent(one.confidence)}" for one in prediction.levels
        )
        print(f"  {' > '.join(path)}")
    for vote in prediction.votes[:5]:
        bar = "#" * round(vote.share * BAR_CELLS)
        print(f"  {vote.share:6.1%} {bar:<{BAR_CELLS}} {vote.label}")


def _percent(share: float) -> str:
    """Whole percent; what is not certain is never called so."""
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else _text(str(value))


def _text(text: str) -> str:
    """On one line, with nothing that a terminal obeys."""
    return shown(text.replace("\n", "\\n"))


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").replace("-", "").isdigit() or cell == "-"
