"""The verb that lists encoders, and leads to what measures and makes them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from api.cli.flags import with_flags
from api.cli.options import CollectionOption, DataOption, JsonOption
from api.cli.terminal.output import print_json, print_table


@dataclass(frozen=True)
class Instead:
    """What is done instead of listing encoders."""

    show_all: Annotated[
        bool, typer.Option("--all", help="List every network of torchvision and timm too.")
    ] = False
    bench: Annotated[
        bool,
        typer.Option(
            "--bench", help="Measure what runs the network here, on pictures of the collection."
        ),
    ] = False
    int8: Annotated[
        bool,
        typer.Option(
            "--calibrate-int8",
            help="Make the runtime openvino-int8 from pictures of the collection; kept if good.",
        ),
    ] = False
    learn: Annotated[
        Literal["sift", "orb"] | None,
        typer.Option("--learn-vocabulary", help="Learn the visual words of sift or orb."),
    ] = None
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Pictures to learn words from: a folder or a CSV file."),
    ] = None
    out: Annotated[
        Path | None, typer.Option("--out", help="File for the words, then given as --weights.")
    ] = None
    measure: Annotated[
        bool,
        typer.Option(
            "--measure", help="With recommend: images a second here, by random weights (minutes)."
        ),
    ] = False


@with_flags(instead=Instead)
def encoders(
    what: Annotated[
        Literal["recommend"] | None,
        typer.Argument(help="recommend: which to take for which catalog.", show_default=False),
    ] = None,
    *,
    instead: Instead,
    data: DataOption = None,
    collection: CollectionOption = "default",
    as_json: JsonOption = False,
) -> None:
    """The encoders that `index --encoder` takes, or what runs the collection's own here."""
    if what is not None or instead.measure:
        from api.cli.encoders.recommend import recommend

        recommend(instead.measure, as_json)
    elif instead.bench or instead.int8:
        from api.cli.encoders import runtimes

        measure = runtimes.calibrate_int8 if instead.int8 else runtimes.bench
        measure(data, collection, as_json)
    elif instead.learn is not None:
        from api.cli.encoders import vocabularies

        vocabularies.learn(instead.learn, instead.source, instead.out, as_json)
    elif instead.show_all:
        _list_variants(as_json)
    else:
        _list_families(as_json)


def _list_variants(as_json: bool) -> None:
    from search_engine.encoders.registry import list_families, list_variants

    names = [name for family in list_families() for name in list_variants(family)]
    if as_json:
        print_json({"encoders": names})
    else:
        print("\n".join(names))


def _list_families(as_json: bool) -> None:
    from api.schemas.collections import encoder_json
    from search_engine.encoders.registry import list_families

    listed = [encoder_json(family) for family in list_families()]
    if as_json:
        print_json({"encoders": listed})
    else:
        print_table(("encoder", "about"), [(each["name"], each["about"]) for each in listed])
