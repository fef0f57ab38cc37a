"""Options that every verb has, and how they become Settings."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from search_engine.encoders.runtime import RuntimeChoice

if TYPE_CHECKING:
    from search_engine.catalog.filters import Filter
    from search_engine.config import Settings
    from search_engine.engine import SearchEngine

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Data directory [default: EYEDEX_DATA, else eyedex-data].",
        show_default=False,
        metavar="DIR",
    ),
]
CollectionOption = Annotated[str, typer.Option("--collection", help="Collection.", metavar="NAME")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
FilterOption = Annotated[
    str | None,
    typer.Option(
        "--filter",
        help="Only items that fulfil it: price < 30 and label under Home/Kitchen (or JSON).",
        metavar="FILTER",
    ),
]
TargetOption = Annotated[
    str, typer.Option("--target", help="label, product_id or an attribute.", metavar="FIELD")
]
VoteKOption = Annotated[
    int | None,
    typer.Option(
        "--vote-k", min=1, max=200, help="Neighbors that vote [default: as calibrated, else 10]."
    ),
]
RerankOption = Annotated[
    str | None,
    typer.Option(
        "--rerank",
        help="Put what is found in a better order: aqe, dba, k-reciprocal or geometric (`eyedex "
        "evaluate --rerank all` tells which pays), or learned (`eyedex rerank learn`).",
        metavar="NAME",
    ),
]
NeighborsOption = Annotated[int, typer.Option("-k", min=1, max=200, help="Number of neighbors.")]

RuntimeOption = Annotated[
    RuntimeChoice | None,
    typer.Option(
        "--runtime",
        help=f"What runs the network: {', '.join(get_args(RuntimeChoice))}.",
        metavar="NAME",
    ),
]
IndexOption = Annotated[
    str | None,
    typer.Option(
        "--index",
        metavar="auto|FACTORY",
        help="Kind of index from now on: a FAISS factory string, or numpy; auto chooses by size.",
    ),
]

_NOT_SETTINGS = ("EYEDEX_FAULT",)


def settings_from(data: Path | None, **overrides: object) -> "Settings":
    """Settings from the environment, with what the command line names on top."""
    from search_engine.config import Settings

    environ = {name: text for name, text in os.environ.items() if name not in _NOT_SETTINGS}
    return Settings.from_env(environ, data=data, **overrides)


def open_engine(data: Path | None, **overrides: object) -> "SearchEngine":
    """The engine on a data directory that is there: to ask creates nothing."""
    from search_engine.engine import SearchEngine

    return SearchEngine(settings=settings_from(data, **overrides), create=False)


def parsed_filter(line: str | None) -> "Filter | None":
    """The `--filter` option: a line such as `price < 30`, or JSON."""
    from search_engine.catalog.filter_text import read_filter

    return read_filter(line)
