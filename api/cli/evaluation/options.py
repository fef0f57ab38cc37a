"""The options of `eyedex evaluate` that no other verb has."""

from pathlib import Path
from typing import Annotated

import typer

QueriesArgument = Annotated[
    Path | None,
    typer.Argument(help="Labelled folder or CSV; without it each item is held out in turn."),
]
RanksOption = Annotated[
    int | None,
    typer.Option(
        "-k", min=1, max=200, help="Ranks measured besides 1, 5, 10 [default: those that vote]."
    ),
]
SeparatorOption = Annotated[
    str | None,
    typer.Option(help="Divides several values in one cell of the target.", metavar="TEXT"),
]
AcceptAccuracyOption = Annotated[
    float | None,
    typer.Option(min=0.0, max=1.0, help="Abstain as `classify --accept-accuracy` does."),
]
FoldsOption = Annotated[
    int | None,
    typer.Option(min=2, help="Cross-validate; pictures of a product (or scene) stay together."),
]
HoldOutClassesOption = Annotated[
    int | None,
    typer.Option(min=1, help="Take so many classes out: are their photos seen as unknown?"),
]
SampleOption = Annotated[int | None, typer.Option(min=1, help="Ask at most so many queries.")]
StressOption = Annotated[
    bool, typer.Option("--stress", help="Ask again with photos made harder, step by step.")
]
StressQueriesOption = Annotated[
    int, typer.Option(min=1, max=500, help="Queries of the stress test.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")]
HtmlOption = Annotated[
    Path | None, typer.Option(help="Write a report that opens anywhere.", metavar="FILE")
]
CompareOption = Annotated[
    Path | None,
    typer.Option(help="Differences to an earlier --json --per-query.", metavar="RUN.json"),
]
FailUnderOption = Annotated[
    list[str] | None,
    typer.Option(help="Exit 8 when a measure is below, or an error is above.", metavar="M=X"),
]
PerQueryOption = Annotated[
    bool, typer.Option("--per-query", help="With --json: what each query gave, too.")
]
AllOption = Annotated[
    bool, typer.Option("--all", help="Measure every classifier of `eyedex train`, too.")
]
RerankingsOption = Annotated[
    str | None,
    typer.Option(
        help="Measure what re-ranking would bring: all, or of aqe, dba, k-reciprocal, geometric.",
        metavar="NAME,NAME",
    ),
]
EncodersOption = Annotated[
    str | None,
    typer.Option(
        help="One table of these encoders beside the collection's own: hsv,lbp, with a pooling "
        "efficientnet_lite0/gem. Nothing is stored.",
        metavar="NAME,NAME",
    ),
]
