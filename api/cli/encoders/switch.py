"""The verb that gives a collection another encoder, and the one before back."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.encoders.report import changed, say
from api.cli.flags import with_flags
from api.cli.options import (
    CollectionOption,
    DataOption,
    JsonOption,
    Loading,
    encoder_named,
    open_engine,
)
from api.cli.terminal.output import print_json
from indexer.declared import Switching
from search_engine.errors import ParameterError

if TYPE_CHECKING:
    from search_engine.engine import SearchEngine


EncoderArgument = Annotated[
    str | None,
    typer.Argument(
        help="The new encoder (`eyedex encoders`).", metavar="ENCODER", show_default=False
    ),
]


@dataclass(frozen=True)
class Here(Loading):
    """What is not for jobs of a server either."""

    forget: Annotated[
        bool,
        typer.Option("--forget", help="Delete what is kept of other encoders; no --undo then."),
    ] = False


@with_flags(wanted=Switching, here=Here)
def switch(
    encoder: EncoderArgument = None,
    data: DataOption = None,
    collection: CollectionOption = "default",
    *,
    wanted: Switching,
    here: Here,
    as_json: JsonOption = False,
) -> None:
    """Give a collection another encoder; all its pictures are encoded anew, searches go on.

    Items with a label are asked by both encoders, and one that is worse is refused. Safe to
    interrupt: run it again and it goes on. The encoder before is kept, and --undo goes back to it
    at once.
    """
    encoder = encoder_named(encoder, here.quality)
    _check(encoder, wanted, here)
    from indexer.change.wanted import switch
    from search_engine.encoders.registry import EncoderRequest

    with open_engine(data, runtime=here.runtime) as engine:
        if here.forget:
            _forget(engine, collection, as_json)
            return
        named = EncoderRequest(
            encoder or "",
            weights=here.weights,
            runtime=engine.settings.runtime,
            cache=engine.catalog.paths.encoders,
            download=here.download,
            pooling=wanted.pooling,
        )
        changed(
            engine.settings,
            collection,
            "switch",
            {"encoder": encoder, **vars(wanted)},
            lambda stage: switch(engine, collection, wanted, named, stage, say),
            as_json,
        )


def _check(encoder: str | None, wanted: Switching, here: Here) -> None:
    """Refuse what does not go together.

    Raises:
        ParameterError: Not just one of three things is asked for, or a deletion is to be tried.
    """
    if [encoder is not None, wanted.undo, here.forget].count(True) != 1:
        raise ParameterError(
            "name an encoder, or --undo, or --forget: one of them", fix="see `eyedex switch --help`"
        )
    if here.forget and wanted.dry_run:
        raise ParameterError(
            "deleting is not tried first", where="--dry-run", fix="leave out one of both"
        )


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
