"""The verb that classifies."""

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.exits import Exit
from api.cli.options import CollectionOption, DataOption, JsonOption
from api.cli.query.asking import given, with_options
from api.cli.query.batch import AllowUrlsOption, OutputOption, OverwriteOption
from api.cli.sources import with_source_flags
from api.cli.terminal.output import Notes


@with_source_flags()
@with_options("classify", without=("facets", "include"))
def classify(
    paths: Annotated[
        list[Path], typer.Argument(help="Photos, folders of them, one table or one archive.")
    ],
    *,
    data: DataOption = None,
    collection: CollectionOption = "default",
    output: OutputOption = None,
    overwrite: OverwriteOption = False,
    allow_urls: AllowUrlsOption = False,
    reading: Any = None,
    as_json: JsonOption = False,
    **options: Any,
) -> None:
    """A class for each photo, by the vote of its nearest neighbors.

    Photos may also be named by a table, read as `eyedex index` reads it.

    Its confidence is a probability where `eyedex calibrate` or `eyedex index` has calibrated the
    collection, and no filter, --vote-k or --rerank makes it another vote.
    """
    from api.cli.query.batch import Batch, opened
    from indexer.answers.batches import classifying
    from indexer.answers.files import check_output
    from indexer.answers.layouts import CLASSES
    from indexer.answers.queries import PictureQueries
    from search_engine.vote.question import notes_of

    if output is not None:
        check_output(output, paths[0], overwrite)
    with opened(data, paths, reading, allow_urls) as (engine, source):
        question = engine.question(collection=collection, **given(options))
        queries = PictureQueries(source, {"box": question.shown.box})
        ask = classifying(engine, collection, question)
        batch = Batch(engine, queries, ask, CLASSES, "classifying")
        if output is not None:
            about_filter = engine.filter_warnings(question.shown.filter, collection=collection)
            Notes().print((*about_filter, *notes_of(question)))
        rejected = batch.run(output, overwrite, as_json)
    if rejected:
        raise typer.Exit(Exit.SOME_REJECTED)
