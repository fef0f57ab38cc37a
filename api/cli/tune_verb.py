"""The verb that adapts the encoder to the catalog."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.exits import Exit
from api.cli.options import CollectionOption, DataOption, JsonOption, TargetOption, open_engine
from api.cli.output import print_json, print_table
from api.cli.progress import progress

if TYPE_CHECKING:
    from indexer.switching import Switch
    from indexer.tuning import Tuned

UNSEARCHABLE_SHOWN = 5


def tune(
    data: DataOption = None,
    collection: CollectionOption = "default",
    target: TargetOption = "label",
    force: Annotated[
        bool, typer.Option("--force", help="Adapt it even if it is not found better.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only measure what it would bring.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Go back to the encoder as it came.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Adapt the encoder to the catalog's own labels, in seconds, from the stored embeddings.

    What is learned has to prove itself on products (or scenes) that it did not learn from, and is
    refused when it is not better. Searches go on meanwhile and use it from the next one on.
    """
    from indexer.tuning import TuneRequest, tune_collection, undo_tuning
    from search_engine.tuning.gate import FOLDS

    with open_engine(data) as engine:
        if undo:
            _report_undone(undo_tuning(engine, collection), as_json)
            return
        request = TuneRequest(target, force, dry_run)
        with progress("tuning", FOLDS) as advance:
            found = tune_collection(engine, collection, request, advance)
    if as_json:
        print_json(_json(found))
    else:
        _print(found)
    if found.switch is None and not dry_run:
        raise typer.Exit(Exit.BELOW_BAR)


def _json(found: "Tuned") -> dict[str, Any]:
    verdict = found.verdict
    return {
        "gate": {
            name: {
                "before": round(change.before, 6),
                "after": round(change.after, 6),
                "difference": [
                    round(change.difference.low, 6),
                    round(change.difference.high, 6),
                ],
            }
            for name, change in verdict.changes.items()
        },
        "queries": verdict.queries,
        "folds": verdict.folds,
        "accepted": verdict.accepted,
        "used": found.switch is not None,
        "fingerprint": found.fingerprint,
        "items": found.items,
        "classes": found.classes,
        "dimension_before": found.dimension_before,
        "dimension": found.dimension,
        "shrinkage": found.shrinkage,
        "without_embedding": found.switch.without_embedding if found.switch else [],
        "seconds": round(found.seconds, 3),
    }


def _print(found: "Tuned") -> None:
    verdict = found.verdict
    print(
        f"learned from {found.items:,} items of {found.classes:,} classes; "
        f"measured on {verdict.queries:,} held-out items in {verdict.folds} folds"
    )
    print_table(
        ("measure", "before", "after", "difference, 95 %"),
        [
            (
                name,
                f"{change.before:.3f}",
                f"{change.after:.3f}",
                f"{change.difference.low:+.3f} to {change.difference.high:+.3f}",
            )
            for name, change in verdict.changes.items()
        ],
    )
    print(_outcome(found))
    if found.switch is not None:
        _warn_of_lost(found.switch)


def _outcome(found: "Tuned") -> str:
    if found.switch is None:
        why = "better" if found.verdict.accepted else "not better"
        hint = "" if found.verdict.accepted else "; --force uses it all the same"
        return f"{why}: the encoder stays as it is{hint}"
    used = "used from now on" if found.verdict.accepted else "used by force"
    return (
        f"{used}: {found.dimension} dimensions instead of {found.dimension_before}, encoder "
        f"{found.fingerprint[:12]}, {found.seconds:.1f} s; `eyedex tune --undo` goes back"
    )


def _report_undone(switch: "Switch", as_json: bool) -> None:
    if as_json:
        lost = switch.without_embedding
        print_json({"fingerprint": switch.fingerprint, "without_embedding": lost})
        return
    print(f"the encoder is as it came: {switch.fingerprint[:12]}")
    _warn_of_lost(switch)


def _warn_of_lost(switch: "Switch") -> None:
    if not switch.without_embedding:
        return
    shown = ", ".join(switch.without_embedding[:UNSEARCHABLE_SHOWN])
    print(
        f"{len(switch.without_embedding):,} items cannot be found any more, as no embedding "
        f"can be made of them: {shown}",
        file=sys.stderr,
    )
