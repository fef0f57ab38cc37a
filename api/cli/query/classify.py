"""The verb that classifies."""

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.exits import Exit
from api.cli.options import CollectionOption, DataOption, JsonOption, open_engine
from api.cli.query.asking import given, with_options
from api.cli.sources import with_source_flags
from api.cli.terminal.output import Notes


@with_source_flags
@with_options("classify", without=("box", "facets", "include"))
def classify(
    paths: Annotated[list[Path], typer.Argument(help="Photos, folders of them, or one table.")],
    data: DataOption = None,
    collection: CollectionOption = "default",
    output: Annotated[
        Path | None,
        typer.Option(
            help="Write a .csv, .xlsx, .jsonl or .parquet file, with the neighbors as evidence.",
            metavar="FILE",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Let --output replace a file that is there.")
    ] = False,
    reading: Any = None,
    as_json: JsonOption = False,
    **options: Any,
) -> None:
    """A class for each photo, by the vote of its nearest neighbors.

    Photos may also be named by a table, read as `eyedex index` reads it.

    Its confidence is a probability where `eyedex calibrate` or `eyedex index` has calibrated the
    collection, and no filter, --vote-k or --rerank makes it another vote.
    """
    from api.cli.query.batch import classify_to_file, classify_to_lines
    from indexer.classify.answers import check_output
    from indexer.classify.batches import open_pictures
    from search_engine.vote.question import notes_of

    asked = given(options)
    source = open_pictures(paths, reading)
    if output is not None:
        check_output(output, paths[0], overwrite)
    with open_engine(data) as engine:
        question = engine.question(collection=collection, **asked)
        common: dict[str, Any] = {"collection": collection, "as_json": as_json}
        if output is None:
            rejected = classify_to_lines(engine, source, question, **common)
        else:
            about_filter = engine.filter_warnings(question.shown.filter, collection=collection)
            Notes().print((*about_filter, *notes_of(question)))
            rejected = classify_to_file(
                engine, source, output, question, overwrite=overwrite, **common
            )
    if rejected:
        raise typer.Exit(Exit.SOME_REJECTED)
