"""The verb that says what to label next, and takes in what was decided."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.exits import Exit
from api.cli.options import CollectionOption, DataOption, JsonOption, TargetOption, open_engine
from api.cli.terminal.output import print_json, print_table
from api.cli.terminal.progress import resumable
from api.cli.terminal.wording import counted

if TYPE_CHECKING:
    from indexer.overviews.reviewing import Review, ToReview


def review(
    data: DataOption = None,
    collection: CollectionOption = "default",
    target: TargetOption = "label",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="List so many.")] = 20,
    output: Annotated[
        Path | None, typer.Option(help="Write the list to this CSV, to be filled in.")
    ] = None,
    apply: Annotated[
        Path | None,
        typer.Option(help="Give items the labels of this table: item_id and label."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List what to label next: items whose label would tell most of others, and wrong labels.

    With --output the list is a table. Fill in or correct its column label and bring it back with
    --apply; empty labels change nothing, nor do those that are as they were (column was).
    """
    if apply is not None:
        _check_alone(target, output)
        _apply(data, collection, apply, as_json)
        return
    from indexer.clusters import check_table
    from indexer.overviews.output import write_review
    from indexer.overviews.reviewing import make_review

    if output is not None:
        check_table(output)
    with open_engine(data) as engine:
        made = make_review(engine, collection, target, limit, resumable)
    if output is not None:
        write_review(output, target, made.found)
    if as_json:
        print_json(_summary(made))
        return
    if made.found:
        print_table(
            ("item_id", "label", "suggested", "doubt", "reach"),
            ((e.item.item_id, e.label, e.suggested, e.doubt, e.reach) for e in made.found),
        )
    print(f"{made.labelled:,} of {counted(made.items, 'item')} labelled")


def _check_alone(target: str, output: Path | None) -> None:
    """Refuse what `--apply` would leave out of account.

    Raises:
        ParameterError: There is such an option.
    """
    from search_engine.errors import ParameterError

    if output is not None:
        raise ParameterError(
            "--apply writes no list", where="--output", fix="leave one of them out"
        )
    if target != "label":
        raise ParameterError(
            "only labels are taken back",
            where="--target",
            fix="index a table with the columns item_id and the field instead",
        )


def _apply(data: Path | None, collection: str, table: Path, as_json: bool) -> None:
    from indexer.overviews.reviewing import apply_review

    with open_engine(data) as engine:
        done = apply_review(engine, collection, table)
    if as_json:
        refused = [{"line": line, "reason": reason} for line, reason in done.refused]
        print_json({"changed": done.changed, "same": done.same, "refused": refused})
    else:
        for line, reason in done.refused:
            print(f"{table}, line {line}: {reason}", file=sys.stderr)
        print(f"{counted(done.changed, 'label')} changed, {done.same:,} as they were")
    if done.refused:
        raise typer.Exit(Exit.SOME_REJECTED)


def _summary(made: "Review") -> dict[str, Any]:
    return {
        "items": made.items,
        "labelled": made.labelled,
        "review": [_row(each) for each in made.found],
    }


def _row(each: "ToReview") -> dict[str, Any]:
    return {
        "item_id": each.item.item_id,
        "label": each.label,
        "suggested": each.suggested,
        "doubt": round(each.doubt, 6),
        "reach": each.reach,
    }
