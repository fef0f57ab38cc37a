"""Options that every verb has, and how they become Settings."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from indexer.declared import TARGET
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
TargetOption = Annotated[str, typer.Option("--target", help=TARGET.help, metavar=TARGET.metavar)]
RuntimeOption = Annotated[
    RuntimeChoice | None,
    typer.Option(
        "--runtime",
        help=f"What runs the network: {', '.join(get_args(RuntimeChoice))}.",
        metavar="NAME",
    ),
]
QualityOption = Annotated[
    Literal["fast", "best"] | None,
    typer.Option(
        "--quality",
        help="fast: the default encoder; best: a larger one, by the extra `best`.",
        show_default=False,
    ),
]
WeightsOption = Annotated[
    Path | None,
    typer.Option(
        "--weights", help="Weights file instead of the published weights.", metavar="FILE"
    ),
]
DownloadOption = Annotated[
    bool, typer.Option("--download", help="Fetch published weights that are not here.")
]


@dataclass(frozen=True)
class Loading:
    """How the encoder is found and run on this machine; jobs of a server are not told."""

    quality: QualityOption = None
    weights: WeightsOption = None
    download: DownloadOption = False
    runtime: RuntimeOption = None


MilvusOption = Annotated[
    str | None,
    typer.Option(
        "--milvus-uri",
        envvar="EYEDEX_MILVUS_URI",
        metavar="ADDRESS",
        help="Where Milvus is, for --index milvus; a token is read from EYEDEX_MILVUS_TOKEN.",
    ),
]


def settings_from(data: Path | None, **overrides: object) -> "Settings":
    """Settings from the environment, with what the command line names on top."""
    from search_engine.config import Settings

    return Settings.from_env(os.environ, data=data, **overrides)


def at_milvus(index_factory: str | None, uri: str | None) -> str | None:
    """The kind of index with the address of the server, where it is Milvus and names none."""
    if uri is None or index_factory is None or index_factory.partition("#")[0] != "milvus":
        return index_factory
    return index_factory.replace("milvus", f"milvus:{uri}", 1)


def encoder_named(encoder: str | None, quality: str | None) -> str | None:
    """The encoder that is asked for, by its name or by what it is good for.

    Raises:
        ParameterError: By both.
    """
    from search_engine.encoders.registry import QUALITIES
    from search_engine.errors import ParameterError

    if encoder is not None and quality is not None:
        raise ParameterError(
            f"--quality {quality} names an encoder too", where="--quality", fix="give one of both"
        )
    return encoder if quality is None else QUALITIES[quality]


def open_engine(data: Path | None, **overrides: object) -> "SearchEngine":
    """The engine on a data directory that is there: to ask creates nothing."""
    from search_engine.engine import SearchEngine

    return SearchEngine(settings=settings_from(data, **overrides), create=False)


def parsed_filter(line: str | None) -> "Filter | None":
    """The `--filter` option: a line such as `price < 30`, or JSON."""
    from search_engine.catalog.filter_text import read_filter

    return read_filter(line)
