"""The verb that measures."""

import sys
from typing import TYPE_CHECKING, Any

import typer

from api.cli.evaluation import options as own
from api.cli.evaluation.encoders import compare_encoders, print_unknown_labels, refuse_others
from api.cli.evaluation.outputs import checked_outputs
from api.cli.evaluation.printing import print_run
from api.cli.evaluation.queries import tell_reject
from api.cli.exits import Exit
from api.cli.options import (
    CollectionOption,
    DataOption,
    JsonOption,
    TargetOption,
    VoteKOption,
    open_engine,
)
from api.cli.recording import recorded, told
from api.cli.sources import with_source_flags

if TYPE_CHECKING:
    from search_engine.evaluate.run import Run
    from search_engine.search.rerank.registry import Method


@with_source_flags()
def evaluate(
    queries: own.QueriesArgument = None,
    data: DataOption = None,
    collection: CollectionOption = "default",
    k: own.RanksOption = None,
    vote_k: VoteKOption = None,
    target: TargetOption = "label",
    reading: Any = None,
    separator: own.SeparatorOption = None,
    accept_accuracy: own.AcceptAccuracyOption = None,
    folds: own.FoldsOption = None,
    hold_out_classes: own.HoldOutClassesOption = None,
    sample: own.SampleOption = None,
    stress: own.StressOption = False,
    stress_queries: own.StressQueriesOption = 100,
    seed: own.SeedOption = 0,
    html: own.HtmlOption = None,
    compare: own.CompareOption = None,
    fail_under: own.FailUnderOption = None,
    per_query: own.PerQueryOption = False,
    all_classifiers: own.AllOption = False,
    rerank: own.RerankingsOption = None,
    encoders: own.EncodersOption = None,
    as_json: JsonOption = False,
) -> None:
    """How good search and vote are, measured on labelled photos."""
    from indexer.asked import open_queries
    from search_engine.evaluate.run import run_evaluation
    from search_engine.evaluate.run_json import run_json
    from search_engine.evaluate.task import Options

    options = Options(
        collection, target, k, vote_k, accept_accuracy, seed, sample=sample, folds=folds,
        separator=separator, hold_out_classes=hold_out_classes,
        stress_queries=stress_queries if stress else 0, classifiers=all_classifiers,
        rerankings=_rerankings(rerank),
    )  # fmt: skip
    outputs = checked_outputs(fail_under or [], compare, html)
    photos = open_queries(queries, reading)
    if encoders is not None:
        refuse_others(
            {
                "--accept-accuracy": accept_accuracy is not None, "--html": html,
                "--hold-out-classes": hold_out_classes, "--stress": stress, "--compare": compare,
                "--fail-under": fail_under, "--per-query": per_query, "--all": all_classifiers,
                "--rerank": rerank,
            }
        )  # fmt: skip
        compare_encoders(data, photos, options, encoders, as_json)
        return
    with (
        open_engine(data) as engine,
        recorded(
            engine.settings,
            collection,
            "evaluate",
            source=queries and queries.name,
            target=target,
            folds=folds,
            sample=sample,
        ) as running,
    ):
        stage = told(running)
        asked = None
        if photos is not None:
            asked = photos.ask(engine, collection, target, stage, tell_reject)
        run = outputs.compared(run_evaluation(engine, asked, options, stage), options)
        running.result = run_json(run)
        missed = outputs.missed(run)
        outputs.write_report(run)
    print_run(run, as_json, per_query)
    _finish(run, missed)


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
    for one in missed:
        print(f"below the bar: {one}", file=sys.stderr)
    if missed:
        raise typer.Exit(Exit.BELOW_BAR)
    if run.measures["rejected"]:
        raise typer.Exit(Exit.SOME_REJECTED)
