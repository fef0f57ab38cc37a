"""The verb that adapts the encoder to the catalog."""

from typing import Annotated

import typer

from api.cli.encoders.report import interruptible, tell
from api.cli.options import CollectionOption, DataOption, JsonOption, TargetOption, open_engine
from api.cli.recording import recorded, told

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
        bool, typer.Option("--undo", help="Go back to the encoder before the last change.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Adapt the encoder to the catalog's own labels, in seconds, or in minutes with --finetune.

    What is learned has to prove itself on products (or scenes) that it did not learn from, and is
    refused when it is not better. Searches go on meanwhile and use it from the next one on. A
    training that is interrupted goes on when it is started again.
    """
    from indexer.change.finetune import finetune_collection
    from indexer.change.report_json import report_json
    from indexer.change.request import ChangeRequest
    from indexer.change.sequence import undo_change
    from indexer.change.tune import tune_collection
    from search_engine.adapt.plan import TrainingPlan

    request = ChangeRequest(target, force, dry_run)
    with (
        open_engine(data) as engine,
        recorded(
            engine.settings,
            collection,
            "tune",
            dry_run=dry_run,
            target=target,
            finetune=finetune,
            minutes=minutes if finetune else None,
            force=force,
            undo=undo,
        ) as running,
        interruptible(),
    ):
        stage = told(running)
        if undo:
            report = undo_change(engine, collection, force, stage)
        elif finetune:
            plan = TrainingPlan(minutes=minutes)
            report = finetune_collection(engine, collection, request, layers, plan, stage)
        else:
            report = tune_collection(engine, collection, request, layers, stage)
        running.result = report_json(report)
    tell(report, as_json)
