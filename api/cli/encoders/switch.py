"""The verb that gives a collection another encoder, and the one before back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.encoders.report import interruptible, say, tell
from api.cli.options import (
    CollectionOption,
    DataOption,
    JsonOption,
    QualityOption,
    RuntimeOption,
    TargetOption,
    encoder_named,
    open_engine,
)
from api.cli.recording import recorded, told
from api.cli.terminal.output import print_json
from search_engine.errors import ParameterError

if TYPE_CHECKING:
    from search_engine.engine import SearchEngine


def switch(
    encoder: Annotated[
        str | None,
        typer.Argument(
            help="The new encoder (`eyedex encoders`).", metavar="ENCODER", show_default=False
        ),
    ] = None,
    data: DataOption = None,
    collection: CollectionOption = "default",
    quality: QualityOption = None,
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
    encoder = encoder_named(encoder, quality)
    if [encoder is not None, undo, forget].count(True) != 1:
        raise ParameterError(
            "name an encoder, or --undo, or --forget: one of them", fix="see `eyedex switch --help`"
        )
    from indexer.change.report_json import report_json
    from indexer.change.request import ChangeRequest
    from indexer.change.sequence import undo_change
    from indexer.change.switch import switch_encoder
    from search_engine.encoders.registry import EncoderRequest

    with open_engine(data, runtime=runtime) as engine:
        if forget:
            _forget(engine, collection, as_json)
            return
        named = EncoderRequest(
            encoder or "",
            weights=weights,
            runtime=engine.settings.runtime,
            cache=engine.catalog.paths.encoders,
            download=download,
            pooling=pooling,
        )
        request = ChangeRequest(target, force, dry_run)
        with (
            recorded(
                engine.settings,
                collection,
                "switch",
                dry_run=dry_run,
                encoder=encoder,
                pooling=pooling,
                target=target,
                force=force,
                undo=undo,
            ) as running,
            interruptible(),
        ):
            stage = told(running)
            if undo:
                report = undo_change(engine, collection, force, stage)
            else:
                report = switch_encoder(engine, collection, named, request, stage, say)
            running.result = report_json(report)
    tell(report, as_json)


def _forget(engine: "SearchEngine", collection: str, as_json: bool) -> None:
    from indexer.change.report_json import figures_json
    from indexer.change.sequence import forget_former

    done = forget_former(engine, collection)
    if as_json:
        former = done.former and figures_json(done.former)
        print_json({"former": former, "embeddings": done.embeddings})
    elif done.former is None and not done.embeddings:
        print("nothing was kept of another encoder")
    else:
        undone = "there is no encoder to go back to now"
        if done.is_tuned:
            undone = "--undo takes off what was learned now"
        print(f"deleted {done.embeddings:,} embeddings; {undone}")
