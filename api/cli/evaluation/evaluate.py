"""The verb that measures."""

import sys
from typing import TYPE_CHECKING, Any

import typer

from api.cli.evaluation.encoders import compare_encoders, refuse_others
from api.cli.evaluation.notes import (
    print_alone,
    print_known_photos,
    print_learning,
    print_unknown_labels,
)
from api.cli.evaluation.options import More, QueriesArgument
from api.cli.evaluation.outputs import checked_outputs
from api.cli.evaluation.printing import print_run
from api.cli.evaluation.queries import tell_reject
from api.cli.exits import Exit
from api.cli.flags import with_flags
from api.cli.options import CollectionOption, DataOption, JsonOption, open_engine
from api.cli.recording import recorded, told
from api.cli.sources import with_source_flags
from indexer.declared import Evaluating

if TYPE_CHECKING:
    from search_engine.evaluate.run import Run
    from search_engine.search.rerank.registry import Method


@with_source_flags()
@with_flags(wanted=Evaluating, more=More)
def evaluate(
    queries: QueriesArgument = None,
    data: DataOption = None,
    collection: CollectionOption = "default",
    *,
    wanted: Evaluating,
    more: More,
    reading: Any,
    as_json: JsonOption = False,
) -> None:
    """How good search and vote are, measured on labelled photos."""
    from indexer.asked import evaluation_options, open_queries
    from search_engine.evaluate.run import run_evaluation
    from search_engine.evaluate.run_json import run_json

    options = evaluation_options(wanted, collection, **_measured_besides(more))
    outputs = checked_outputs(more.fail_under or [], more.compare, more.html)
    photos = open_queries(queries, reading)
    if more.encoders is not None:
        refuse_others({**more.besides_a_table(), "--all": wanted.classifiers})
        compare_encoders(data, photos, options, more.encoders, as_json)
        return
    source = queries and queries.name
    with (
        open_engine(data) as engine,
        recorded(engine.settings, collection, "evaluate", source=source, **vars(wanted)) as running,
    ):
        stage = told(running)
        asked = None
        if photos is not None:
            asked = photos.ask(engine, collection, wanted.target, stage, tell_reject)
        run = outputs.compared(run_evaluation(engine, asked, options, stage), options)
        running.result = run_json(run)
        missed = outputs.missed(run)
        outputs.write_report(run)
    print_run(run, as_json, more.per_query)
    _finish(run, missed)


def _measured_besides(more: More) -> dict[str, Any]:
    return {
        "accept_accuracy": more.accept_accuracy,
        "hold_out_classes": more.hold_out_classes,
        "stress_queries": more.stress_queries if more.stress else 0,
        "rerankings": _rerankings(more.rerank),
    }


def _rerankings(names: str | None) -> "tuple[Method, ...]":
    """What to try; of those that are named themselves, none may lack its package."""
    if names is None:
        return ()
    from search_engine.search.rerank.registry import ALL, methods_named

    methods = methods_named(names)
    if names.strip() != ALL:
        for method in methods:
            method.check_extra()
    return methods


def _finish(run: "Run", missed: list[str]) -> None:
    print_unknown_labels(run.unknown_labels)
    setup = run.setup
    print_learning(setup.learned_from or setup.relearned > 0, setup.relearned, setup.later)
    print_alone(run.measures["held_out_alone"], setup.split)
    print_known_photos(run.measures["photos_in_catalog"])
    if run.flattered:
        parts = ", ".join(run.flattered)
        print(f"note: {parts}: measured by embeddings that have seen the items", file=sys.stderr)
    for one in missed:
        print(f"below the bar: {one}", file=sys.stderr)
    if missed:
        raise typer.Exit(Exit.BELOW_BAR)
    if run.measures["rejected"]:
        raise typer.Exit(Exit.SOME_REJECTED)
