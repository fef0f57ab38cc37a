"""Entry point: verbs, signals, and errors as exit codes.

Nothing heavy is imported before a verb needs it.
"""

import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from api.cli import catalog_verbs, query_verbs, serve_verb
from api.cli.exits import Exit, exit_code, report_error
from search_engine.errors import EyedexError

app = typer.Typer(
    name="eyedex",
    help="Visual similarity search for product catalogs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for verb in (
    catalog_verbs.index,
    query_verbs.search,
    query_verbs.classify,
    query_verbs.evaluate,
    serve_verb.serve,
    catalog_verbs.check,
    catalog_verbs.encoders,
):
    app.command()(verb)
app.add_typer(catalog_verbs.collections, name="collections")


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
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    try:
        app()
    except EyedexError as error:
        report_error(error, as_json="--json" in sys.argv)
        sys.exit(exit_code(error))


def _stop(number: int, _frame: FrameType | None) -> None:
    sys.exit(Exit.INTERRUPTED if number == signal.SIGINT else Exit.TERMINATED)


if __name__ == "__main__":
    main()
