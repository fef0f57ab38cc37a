"""The options of `eyedex evaluate` that no other verb has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

QueriesArgument = Annotated[
    Path | None,
    typer.Argument(
        help="Labelled folder or CSV; without it each item, from which its product is hidden."
    ),
]


@dataclass(frozen=True)
class More:
    """What is measured besides, and what is done with it."""

    accept_accuracy: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Abstain as `classify --accept-accuracy` does."),
    ] = None
    hold_out_classes: Annotated[
        int | None,
        typer.Option(min=1, help="Take so many classes out: are their photos seen as unknown?"),
    ] = None
    stress: Annotated[
        bool, typer.Option("--stress", help="Ask again with photos made harder, step by step.")
    ] = False
    stress_queries: Annotated[
        int, typer.Option(min=1, max=500, help="Queries of the stress test.")
    ] = 100
    html: Annotated[
        Path | None, typer.Option(help="Write a report that opens anywhere.", metavar="FILE")
    ] = None
    compare: Annotated[
        Path | None,
        typer.Option(help="Differences to an earlier --json --per-query.", metavar="RUN.json"),
    ] = None
    fail_under: Annotated[
        list[str] | None,
        typer.Option(help="Exit 8 when a measure is below, or an error is above.", metavar="M=X"),
    ] = None
    per_query: Annotated[
        bool, typer.Option("--per-query", help="With --json: what each query gave, too.")
    ] = False
    rerank: Annotated[
        str | None,
        typer.Option(
            help="Measure what re-ranking would bring: all, or of aqe, dba, k-reciprocal, "
            "geometric.",
            metavar="NAME,NAME",
        ),
    ] = None
    encoders: Annotated[
        str | None,
        typer.Option(
            help="One table of these encoders beside the collection's own: hsv,lbp, with a pooling "
            "efficientnet_lite0/gem. Nothing is stored.",
            metavar="NAME,NAME",
        ),
    ] = None

    def besides_a_table(self) -> dict[str, Any]:
        """By flag what is given of that which a table of encoders has no place for."""
        return {
            f"--{name.replace('_', '-')}": value
            for name, value in vars(self).items()
            if name not in ("stress_queries", "encoders") and value not in (None, False)
        }
