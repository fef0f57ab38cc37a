"""The verbs of the command line and their modules; only what is asked for is imported."""

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.main import get_command

from api.cli.plain_values import PlainCommand

VERBS = {
    "index": "catalog.index",
    "search": "query.search",
    "classify": "query.classify",
    "calibrate": "encoders.calibrate",
    "evaluate": "evaluation.evaluate",
    "train": "encoders.train",
    "tune": "encoders.tune",
    "switch": "encoders.switch",
    "cluster": "query.cluster",
    "duplicates": "query.duplicates",
    "colors": "catalog.colors",
    "mislabelled": "query.overviews",
    "outliers": "query.overviews",
    "review": "query.review",
    "map": "query.overviews",
    "serve": "serve",
    "check": "catalog.maintenance",
    "snapshot": "catalog.maintenance",
    "restore": "catalog.maintenance",
    "publish": "catalog.maintenance",
    "export": "catalog.exchange",
    "import": "catalog.exchange",
    "remove": "catalog.remove",
    "audit": "audit",
    "encoders": "encoders.listing",
}
"""The function of a verb has its name, with an underscore where that is one of Python's own."""

GROUPS = {
    "collections": "catalog.collections",
    "jobs": "jobs",
    "keys": "keys",
    "feedback": "query.feedback",
    "rerank": "encoders.rerank",
}
"""Verbs that have verbs of their own; the group of a module has its name."""


@cache
def app_of(*names: str) -> typer.Typer:
    """The command line with some of the verbs and groups, all where none is named."""
    app = typer.Typer(
        name="eyedex",
        help="Visual similarity search for product catalogs.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_root)
    for name in names or (*VERBS, *GROUPS):
        if name in VERBS:
            module = import_module(f"api.cli.{VERBS[name]}")
            app.command(name)(getattr(module, name, None) or getattr(module, f"{name}_"))
            _prepare(app.registered_commands[-1:])
        else:
            group = getattr(import_module(f"api.cli.{GROUPS[name]}"), name)
            app.add_typer(group, name=name)
            _prepare(group.registered_commands)
    return app


@cache
def command_of(*names: str) -> Any:
    """What runs `app_of` these."""
    return get_command(app_of(*names))


def _prepare(commands: Iterable[Any]) -> None:
    """Let verbs read plain values, and list them by their whole first sentences.

    typer would cut these to the width of a terminal.
    """
    for listed in commands:
        listed.cls = PlainCommand
        sentence, _, _ = (listed.callback.__doc__ or "").partition(".")
        listed.short_help = f"{' '.join(sentence.split())}."


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"eyedex {version('eyedex')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass
