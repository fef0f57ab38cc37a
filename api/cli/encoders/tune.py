"""The verb that adapts the encoder to the catalog."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.encoders.verdict import COLUMN, verdict_json, verdict_rows
from api.cli.exits import Exit
from api.cli.options import CollectionOption, DataOption, JsonOption, TargetOption, open_engine
from api.cli.terminal.output import print_json, print_table
from api.cli.terminal.progress import progress

if TYPE_CHECKING:
    from indexer.change.adapted import Tuned
    from indexer.change.swap import Switch
    from search_engine.adapt.gate import Verdict

UNSEARCHABLE_SHOWN = 5
MINUTES = 30.0


def tune(
    data: DataOption = None,
    collection: CollectionOption = "default",
    target: TargetOption = "label",
    finetune: Annotated[
        bool,
        typer.Option("--finetune", help="Train the network itself too: minutes, not seconds."),
    ] = False,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.01, help="How long to train with --finetune.")
    ] = MINUTES,
    layers: Annotated[
        bool | None,
        typer.Option(
            "--layers/--no-layers",
            help="Try features of several layers, too, which encodes all pictures anew; by "
            "default up to 20,000 items.",
            show_default=False,
        ),
    ] = None,
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
    """Adapt the encoder to the catalog's own labels, in seconds, or in minutes with --finetune.

    What is learned has to prove itself on products (or scenes) that it did not learn from, and is
    refused when it is not better. Searches go on meanwhile and use it from the next one on. A
    training that is interrupted goes on when it is started again.
    """
    from indexer.change.adapted import TuneRequest
    from indexer.change.finetune import finetune_collection
    from indexer.change.tune import tune_collection, undo_tuning
    from search_engine.adapt.plan import TrainingPlan

    with open_engine(data) as engine:
        if undo:
            _report_undone(undo_tuning(engine, collection), as_json)
            return
        request = TuneRequest(target, force, dry_run, layers)
        started = time.perf_counter()
        if finetune:
            plan = TrainingPlan(minutes=minutes)
            try:
                found = finetune_collection(engine, collection, request, plan, progress)
            except SystemExit:
                print("interrupted: give the same command again to go on", file=sys.stderr)
                raise
        else:
            found = tune_collection(engine, collection, request, progress)
    seconds = time.perf_counter() - started
    if as_json:
        print_json({**_json(found), "seconds": round(seconds, 3)})
    else:
        _print(found, seconds)
    if found.switch is None and not dry_run:
        raise typer.Exit(Exit.BELOW_BAR)


def _json(found: "Tuned") -> dict[str, Any]:
    verdict = found.verdict
    return {
        "gate": verdict_json(verdict.changes) if verdict else {},
        "queries": verdict.queries if verdict else 0,
        "folds": verdict.folds if verdict else 0,
        "accepted": verdict is not None and verdict.accepted,
        "used": found.switch is not None,
        "fingerprint": found.fingerprint,
        "items": found.items,
        "classes": found.classes,
        "dimension_before": found.dimension_before,
        "dimension": found.dimension,
        "pooling": found.pooling,
        "shrinkage": found.shrinkage,
        "without_embedding": found.switch.without_embedding if found.switch else [],
    }


def _print(found: "Tuned", seconds: float) -> None:
    if found.verdict is None:
        print(f"learned from {found.items:,} items without labels: nothing to measure it by")
    else:
        _print_verdict(found, found.verdict)
    print(_outcome(found, seconds))
    if found.switch is not None:
        _warn_of_lost(found.switch)


def _print_verdict(found: "Tuned", verdict: "Verdict") -> None:
    how = f"in {verdict.folds} folds" if verdict.folds > 1 else "kept away from the training"
    print(
        f"learned from {found.items:,} items of {found.classes:,} classes; "
        f"measured on {verdict.queries:,} held-out items {how}"
    )
    print_table(("measure", "before", "after", COLUMN), verdict_rows(verdict.changes))


def _outcome(found: "Tuned", seconds: float) -> str:
    accepted = found.verdict is not None and found.verdict.accepted
    if found.switch is None:
        why = "better" if accepted else "not shown to be better"
        hint = "" if accepted else "; --force uses it all the same"
        return f"{why}: the encoder stays as it is{hint}"
    used = "used from now on" if accepted else "used by force"
    return (
        f"{used}: {found.dimension} dimensions instead of {found.dimension_before}, "
        f"pooling {found.pooling}, encoder {found.fingerprint[:12]}, {seconds:.1f} s; "
        "`eyedex tune --undo` goes back"
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
