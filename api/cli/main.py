"""Entry point: verbs, signals, and errors as exit codes.

Nothing heavy is imported before a verb needs it.
"""

import os
import signal
import sys
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from api.cli import audit, jobs, keys, serve
from api.cli.catalog import collections, colors, exchange, index, maintenance, remove
from api.cli.encoders import calibrate, listing, rerank, switch, train, tune
from api.cli.evaluation import evaluate
from api.cli.exits import Exit, exit_code, report_error
from api.cli.query import classify, cluster, duplicates, feedback, overviews, review, search
from api.cli.terminal.streams import abandon, open_missing, show_controls
from api.cli.usage import usage_error
from search_engine.errors import EyedexError, StorageError

UsageProblem: type[Exception] = typer.BadParameter.__mro__[1]
"""typer's own class of usage errors, which it does not export."""

app = typer.Typer(
    name="eyedex",
    help="Visual similarity search for product catalogs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for verb in (
    index.index,
    search.search,
    classify.classify,
    calibrate.calibrate,
    evaluate.evaluate,
    train.train,
    tune.tune,
    switch.switch,
    cluster.cluster,
    duplicates.duplicates,
    colors.colors,
    overviews.mislabelled,
    overviews.outliers,
    review.review,
    overviews.map_,
    serve.serve,
    maintenance.check,
    maintenance.snapshot,
    maintenance.restore,
    exchange.export,
    exchange.import_,
    remove.remove,
    audit.audit,
    listing.encoders,
):
    app.command(verb.__name__.rstrip("_"))(verb)
app.add_typer(collections.collections, name="collections")
app.add_typer(jobs.jobs, name="jobs")
app.add_typer(keys.keys, name="keys")
app.add_typer(feedback.feedback, name="feedback")
app.add_typer(rerank.rerank, name="rerank")

for listed in (
    *app.registered_commands,
    *collections.collections.registered_commands,
    *jobs.jobs.registered_commands,
    *keys.keys.registered_commands,
    *feedback.feedback.registered_commands,
    *rerank.rerank.registered_commands,
):
    sentence, _, _ = (listed.callback.__doc__ or "").partition(".")
    listed.short_help = f"{' '.join(sentence.split())}."
    """The whole first sentence; typer's own would be cut to the width of a terminal."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"eyedex {version('eyedex')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; every way out has its code (`api.cli.exits`)."""
    open_missing()
    show_controls()
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    try:
        code = app(prog_name="eyedex", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code)
    except UsageProblem as error:
        _report_usage(error)
        sys.exit(Exit.USAGE)
    except EyedexError as error:
        _end(error)
    except OSError as error:
        abandon()
        if isinstance(error, BrokenPipeError):
            sys.exit(Exit.PIPE_CLOSED)
        where = os.fsdecode(error.filename) if error.filename else "standard output"
        _end(StorageError(error.strerror or str(error), where=where))
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer makes 1 of it
            abandon()
            sys.exit(Exit.PIPE_CLOSED)
        raise


def _end(error: EyedexError) -> NoReturn:
    report_error(error, as_json="--json" in sys.argv)
    sys.exit(exit_code(error))


def _report_usage(error: Any) -> None:
    """What is wrong with the call; one without a verb gets the list of them."""
    said = str(error.format_message())
    if said.startswith("Usage:"):
        print(said, file=sys.stderr)
    else:
        report_error(usage_error(error), as_json="--json" in sys.argv)


def _stop(number: int, _frame: FrameType | None) -> None:
    sys.exit(Exit.INTERRUPTED if number == signal.SIGINT else Exit.TERMINATED)


if __name__ == "__main__":
    main()
