"""The verb that gives a collection another encoder, and the one before back."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.encoders.verdict import COLUMN, verdict_json, verdict_rows
from api.cli.exits import Exit
from api.cli.options import (
    CollectionOption,
    DataOption,
    JsonOption,
    RuntimeOption,
    TargetOption,
    settings_from,
)
from api.cli.terminal.output import print_json, print_table
from api.cli.terminal.progress import progress
from search_engine.errors import ParameterError

if TYPE_CHECKING:
    from indexer.change.switch import Switched
    from indexer.change.undo import Side, Undone
    from search_engine.engine import SearchEngine

LOST_SHOWN = 5


def switch(
    encoder: Annotated[
        str | None,
        typer.Argument(
            help="The new encoder (`eyedex encoders`).", metavar="ENCODER", show_default=False
        ),
    ] = None,
    data: DataOption = None,
    collection: CollectionOption = "default",
    weights: Annotated[
        Path | None, typer.Option(help="Weights file instead of the published weights.")
    ] = None,
    pooling: Annotated[
        str | None,
        typer.Option(metavar="NAME[+mirror]", help="How feature maps become one vector."),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch published weights that are not here.")
    ] = False,
    runtime: RuntimeOption = None,
    target: TargetOption = "label",
    force: Annotated[
        bool, typer.Option("--force", help="Use it even if it is found to be worse.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Encode and compare, but keep the encoder.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Go back to the encoder before the last change.")
    ] = False,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Delete what is kept of other encoders; no --undo then."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Give a collection another encoder; all its pictures are encoded anew, searches go on.

    Items with a label are asked by both encoders, and one that is worse is refused. Safe to
    interrupt: run it again and it goes on. The encoder before is kept, and --undo goes back to it
    at once.
    """
    if [encoder is not None, undo, forget].count(True) != 1:
        raise ParameterError(
            "name an encoder, or --undo, or --forget: one of them", fix="see `eyedex switch --help`"
        )
    from search_engine.engine import SearchEngine

    with SearchEngine(settings=settings_from(data, runtime=runtime), create=False) as engine:
        if undo:
            _undo(engine, collection, as_json)
        elif forget:
            _forget(engine, collection, as_json)
        else:
            from indexer.change.switch import SwitchRequest
            from search_engine.encoders.registry import EncoderRequest

            wanted = EncoderRequest(
                encoder or "",
                weights=weights,
                runtime=engine.settings.runtime,
                cache=engine.catalog.paths.encoders,
                download=download,
                pooling=pooling,
            )
            request = SwitchRequest(wanted, target, force, dry_run)
            _change(engine, collection, request, as_json)


def _change(engine: "SearchEngine", collection: str, request: Any, as_json: bool) -> None:
    from indexer.change.switch import change_encoder

    try:
        found = change_encoder(engine, collection, request, progress, _say)
    except SystemExit:
        _say("interrupted: what was encoded is kept; run again to go on")
        raise
    if as_json:
        print_json(_json(found))
    else:
        _print(found, request.target, request.dry_run)
    if found.switch is None and not found.is_same and not request.dry_run:
        raise typer.Exit(Exit.BELOW_BAR)


def _undo(engine: "SearchEngine", collection: str, as_json: bool) -> None:
    from indexer.change.undo import go_back

    done = go_back(engine, collection, progress)
    if as_json:
        print_json(_undone_json(done))
        return
    print(
        f"{done.after.name} is used again ({done.after.dimension:,}-d, "
        f"{done.after.fingerprint[:12]}) instead of {done.before.name}, {done.seconds:.2f} s; "
        "--undo once more goes forward"
    )
    encoded = done.switch.encoded + done.switch.projected
    if encoded:
        print(f"{encoded:,} items that came or changed since were encoded first")
    _print_lost(done.lost)


def _forget(engine: "SearchEngine", collection: str, as_json: bool) -> None:
    from indexer.change.undo import forget_former

    done = forget_former(engine, collection)
    if as_json:
        former = done.former and _side_json(done.former)
        print_json({"former": former, "embeddings": done.embeddings})
    elif done.former is None and not done.embeddings:
        print("nothing was kept of another encoder")
    else:
        print(f"deleted {done.embeddings:,} embeddings; there is no encoder to go back to now")


def _json(found: "Switched") -> dict[str, Any]:
    verdict = found.verdict
    return {
        "before": _side_json(found.before),
        "after": _side_json(found.after),
        "gate": None if verdict is None else verdict_json(verdict.changes),
        "queries": verdict.queries if verdict else 0,
        "refusals": list(found.refusals),
        "used": found.switch is not None or found.is_same,
        "changed": found.switch is not None,
        "items": found.items,
        "already_encoded": found.there,
        "unsearchable": _lost_json(found.lost),
        "outdated_classifiers": list(found.outdated),
        "uncalibrated": found.switch.uncalibrated if found.switch else [],
        "seconds": round(found.seconds, 3),
    }


def _undone_json(done: "Undone") -> dict[str, Any]:
    return {
        "before": _side_json(done.before),
        "after": _side_json(done.after),
        "encoded": done.switch.encoded + done.switch.projected,
        "unsearchable": _lost_json(done.lost),
        "uncalibrated": done.switch.uncalibrated,
        "seconds": round(done.seconds, 3),
    }


def _side_json(side: "Side") -> dict[str, Any]:
    return {
        "encoder": side.name,
        "fingerprint": side.fingerprint,
        "dimension": side.dimension,
        "images_per_second": side.images_per_second and round(side.images_per_second, 1),
    }


def _lost_json(lost: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"item_id": item_id, "reason": reason} for item_id, reason in lost.items()]


def _print(found: "Switched", target: str, dry_run: bool) -> None:
    if found.is_same:
        print(f"the collection has this encoder already: {found.after.name}")
        return
    print_table(("", found.before.name, found.after.name, COLUMN), _rows(found))
    if found.verdict is None:
        print(f"too few items, products or scenes with a value of {target!r} to compare by")
    else:
        print(f"asked {found.verdict.queries:,} items with a value of {target!r}")
    for line in _outcome(found, dry_run):
        print(line)
    _print_lost(found.lost)


def _rows(found: "Switched") -> list[Sequence[str]]:
    before, after = found.before, found.after
    rows: list[Sequence[str]] = [
        ("dimension", f"{before.dimension:,}", f"{after.dimension:,}", ""),
        ("images/s", _rate(before), _rate(after), ""),
    ]
    if found.verdict is not None:
        rows += verdict_rows(found.verdict.changes)
    return rows


def _rate(side: "Side") -> str:
    return "-" if side.images_per_second is None else f"{side.images_per_second:,.0f}"


def _outcome(found: "Switched", dry_run: bool) -> list[str]:
    before, after, why = found.before.name, found.after.name, " and ".join(found.refusals)
    if found.switch is None:
        kept = (found.items - len(found.lost)) * found.after.dimension * 2 / 1e6
        judged = f"{after} would be refused: {why}" if why else f"{after} would be used"
        if not dry_run:
            judged = f"refused: {why}; --force uses {after} all the same"
        return [
            f"{judged}; {before} stays",
            f"the embeddings by {after} are kept ({kept:,.1f} MB), so that using it takes no time; "
            "--forget deletes them",
        ]
    lines = [
        f"{'used by force' if why else 'used from now on'}: {after}, encoder "
        f"{found.after.fingerprint[:12]}, {found.seconds:.1f} s; `eyedex switch --undo` goes back"
    ]
    if found.tuned_before:
        lines.append(f"what `eyedex tune` learned belongs to {before}: --undo brings it back too")
    if found.outdated:
        names = ", ".join(found.outdated)
        lines.append(f"trained for {before} and not usable now: {names}; `eyedex train` makes new")
    if found.switch.uncalibrated:
        targets = ", ".join(found.switch.uncalibrated)
        lines.append(f"not calibrated any more: {targets}; `eyedex calibrate` does it, in minutes")
    return lines


def _print_lost(lost: Mapping[str, str]) -> None:
    if not lost:
        return
    shown = [f"{item_id} ({reason})" for item_id, reason in list(lost.items())[:LOST_SHOWN]]
    more = " ... (all with --json)" if len(lost) > LOST_SHOWN else ""
    _say(
        "items that stay in the catalog but cannot be found by it, as no embedding can be made of "
        f"them: {len(lost):,}: {', '.join(shown)}{more}"
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr)
