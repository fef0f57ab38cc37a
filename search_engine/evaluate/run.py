"""Run one evaluation of a collection, from stored embeddings to all reported figures."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image

from search_engine.classifiers.registry import KINDS
from search_engine.collections.labelled import Labelled, take
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.evaluate import serving
from search_engine.evaluate.bootstrap import Interval
from search_engine.evaluate.classifiers import (
    ClassifierRow,
    compare_classifiers,
    folds_of,
)
from search_engine.evaluate.comparison import Comparison
from search_engine.evaluate.confusions import Confusion, worst_confusions
from search_engine.evaluate.evaluation import (
    DEPTHS,
    Evaluation,
    examine,
    intervals,
    measures,
    rounded,
)
from search_engine.evaluate.photos import ItemPhotos, Photos, RowsOf
from search_engine.evaluate.predictors import (
    Predictor,
    predict_labels,
    predict_nearest,
    predict_value_sets,
)
from search_engine.evaluate.ranking import Hiding, by_space, rank, same_label
from search_engine.evaluate.reranking import (
    RerankRow,
    RerankTask,
    judge_rerankings,
    queries_of,
)
from search_engine.evaluate.splits import labelled_rows, narrowed, sample_rows, with_vectors
from search_engine.evaluate.stress.run import (
    BASE_SIDE_PX,
    Stress,
    StressTask,
    steps,
    stress,
)
from search_engine.evaluate.task import ITSELF, Asked, Options, Progress, Task, prepare
from search_engine.evaluate.unknown import UnknownClasses, hold_out
from search_engine.evaluate.unknown_labels import UnknownLabel
from search_engine.vote.question import NEIGHBORS

INDEX_QUERIES = 200
"""Queries to the index: all at once for its recall, one at a time for its speed."""
PHOTO_QUERIES = 30
"""Photos to time from file to results."""
STRESS_PHOTO_QUALITY = 95
SERVED_MS = ("p50", "p95")


@dataclass(frozen=True, slots=True)
class Setup:
    """What was evaluated, for people and comparisons. `encoder` is name and fingerprint.

    `learned_from` tells that the encoder learned from the labels of the items that are asked with:
    photos that it has not seen get fewer right, however the items are held out. `relearned` counts
    how often it learned again, without some of them each time, to be asked with those; items that
    came `later` than what it learned are left out.
    """

    collection: str
    encoder: str
    target: str
    vote: str
    split: str
    asked: str
    seed: int
    learned_from: bool = False
    relearned: int = 0
    later: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """All reported figures."""

    setup: Setup
    found: Evaluation
    predictor: Predictor
    measures: dict[str, Any]
    intervals: dict[str, Interval]
    confusions: Sequence[Confusion]
    query_photos: Photos = field(repr=False)
    item_photos: Photos = field(repr=False)
    unknown: UnknownClasses | None = None
    stress: Stress | None = None
    comparison: Comparison | None = None
    classifiers: Sequence[ClassifierRow] = ()
    rerankings: Sequence[RerankRow] = ()
    unknown_labels: Sequence[UnknownLabel] = ()

    @property
    def flattered(self) -> list[str]:
        """What was measured by what the encoder learned from the queries too, unlike the rest."""
        parts = {"stress": self.stress, "unknown classes": self.unknown}
        measured = {name: part.relearned for name, part in parts.items() if part is not None}
        return [name for name, again in measured.items() if self.setup.relearned and not again]


def run_evaluation(
    engine: SearchEngine, asked: Asked | None, options: Options, progress: Progress
) -> Run:
    """Evaluate a collection.

    Args:
        engine: On its data.
        asked: Queries; None for the items of the collection, held out as the options say.
        options: What to measure.
        progress: Shows the progress.

    Raises:
        ParameterError: There is nothing to evaluate, or options contradict each other.
        CollectionNotFoundError: There is no such collection.
    """
    task = prepare(engine, asked, options)
    if options.classifiers and task.values is not None:
        raise ParameterError("pictures have several values each", where="classifiers")
    if options.rerankings and task.values is not None:
        raise ParameterError("pictures have several values each", where="rerank")
    task = task.relearned(progress)
    with progress("evaluating", len(task.queries.keys)) as advance:
        found = examine(
            task.queries, task.gallery, task.predictor, k=options.k,
            hiding=task.hiding, values=task.values, advance=advance, spaces=task.spaces,
        )  # fmt: skip
    run = _served(engine, _described(engine, found, task, options), options, task.indexed)
    hiding = task.hiding
    if hiding is not None:
        hiding = replace(hiding, queries=hiding.queries[np.array(found.asked)])
    run = _with_unknown(run, task, options, hiding, progress)
    if options.classifiers:
        split = hiding if options.folds else None
        run = replace(run, classifiers=_classifiers(run, task, split, progress))
    if options.rerankings:
        run = replace(run, rerankings=_reranked(engine, run, task, options, hiding, progress))
    return _stressed(engine, run, task, options, hiding, progress)


def _described(engine: SearchEngine, found: Evaluation, task: Task, options: Options) -> Run:
    record = engine.catalog.collection(options.collection)
    encoder = f"{record.encoder} {(record.fingerprint or '')[:8]}"
    setup = Setup(
        options.collection, encoder, options.target, task.predictor.about, task.split, task.name,
        options.seed, task.learned and not task.spaces, len(task.spaces), task.later,
    )  # fmt: skip
    confusions: list[Confusion] = []
    if found.answers is not None:
        confusions = worst_confusions(found.answers, found.ranking, found.gallery)
    return Run(
        setup, found, task.predictor,
        {
            **measures(found), **_easy(task), "vote_k": task.predictor.k, **_strangers(task),
            "rejected": task.rejected, "held_out_alone": task.alone,
            "photos_in_catalog": task.known_photos, "target": options.target,
        },
        intervals(found, options.resamples, options.seed), confusions,
        RowsOf(task.photos, found.asked), ItemPhotos(engine, found.gallery.keys),
        unknown_labels=task.unknown,
    )  # fmt: skip


def _easy(task: Task) -> dict[str, float]:
    """Return the accuracy where each query is left out alone, beside that by folds."""
    if task.hiding is None or task.values is not None:
        return {}
    queries, gallery = take(task.queries, labelled_rows(task.queries)), task.gallery
    right = 0
    for rows, asking, vectors in by_space(queries, gallery, task.spaces):
        own = np.searchsorted(gallery.keys, queries.keys[rows])
        said = predict_nearest(task.predictor, asking, with_vectors(gallery, vectors), own)
        right += sum(
            one.label == queries.labels[row] for row, one in zip(rows.tolist(), said, strict=True)
        )
    return {"easy_accuracy": rounded(right / len(queries.keys))}


def _strangers(task: Task) -> dict[str, int]:
    """Count the queries whose labels the catalog lacks, and those of them that are refused."""
    if task.strangers is None:
        return {"not_in_catalog": 0, "not_in_catalog_refused": 0}
    queries, gallery = task.strangers, task.gallery
    ranking = rank(queries, gallery, same_label(queries, gallery), task.predictor.depth)
    if task.values is None:
        said = predict_labels(task.predictor, ranking, gallery)
    else:
        said = predict_value_sets(task.predictor, ranking, gallery, task.values.gallery)
    return {
        "not_in_catalog": len(said),
        "not_in_catalog_refused": sum(one.abstained for one in said),
    }


def _served(engine: SearchEngine, run: Run, options: Options, indexed: Labelled) -> Run:
    """Query the index that serves users, and time it."""
    snapshot = engine.live(options.collection).snapshot()
    if snapshot is None:
        return run
    rows = sample_rows(len(run.found.queries.keys), INDEX_QUERIES, options.seed)
    queries = take(run.found.queries, rows)
    recall = serving.index_recall(snapshot.search, queries, indexed, sorted({*DEPTHS, run.found.k}))
    times = serving.search_times_ms(snapshot.search, queries.vectors, run.found.k)
    stages = serving.percentiles_ms({"search": one} for one in times)
    stages.update(_photo_times(engine, run, options, rows[:PHOTO_QUERIES].tolist()))
    return replace(
        run,
        measures={
            **run.measures,
            **{f"index_recall@{k}": rounded(share) for k, share in recall.items()},
            **{
                f"{name}_{q}_ms": stages[stage][q]
                for name, stage in (("search", "search"), ("photo", "photo total"))
                for q in SERVED_MS
                if stage in stages
            },
            "latency_ms": stages,
        },
    )


def _photo_times(
    engine: SearchEngine, run: Run, options: Options, rows: Sequence[int]
) -> dict[str, dict[str, float]]:
    """Time photos from files as users search by them, after a few to warm up."""
    paths = [path for row in rows if (path := run.query_photos.path(row)) is not None]
    asked = [
        engine.search(path, k=run.found.k, collection=options.collection).timings_ms
        for path in paths
    ]
    return serving.percentiles_ms(
        {f"photo {stage}": value for stage, value in timings.items()}
        for timings in asked[serving.WARM_UP :]
    )


def _with_unknown(
    run: Run, task: Task, options: Options, hiding: Hiding | None, progress: Progress
) -> Run:
    if options.hold_out_classes is None:
        return run
    if run.found.answers is None:
        raise ParameterError("pictures have several values each", where="hold_out_classes")
    unknown = hold_out(
        run.found.queries, run.found.gallery, run.predictor, options.hold_out_classes,
        options.seed, hiding, lambda classes: task.spaces_without(classes, progress),
    )  # fmt: skip
    flat = {
        "unknown_auroc": rounded(unknown.auroc),
        "unknown_auroc_confidence": rounded(unknown.auroc_confidence),
        "unknown_auroc_familiarity": rounded(unknown.auroc_familiarity),
        "unknown_fpr@95": rounded(unknown.false_positive_rate),
    }
    return replace(run, unknown=unknown, measures={**run.measures, **flat})


def _classifiers(
    run: Run, task: Task, hiding: Hiding | None, progress: Progress
) -> list[ClassifierRow]:
    """Measure the vote and every classifier on the split of the run.

    Training again for each held-out item or group would take too long: without queries and folds,
    what was learned again without a part tells that part, or else folds replace that.
    """
    queries, gallery = run.found.queries, run.found.gallery
    if hiding is None and task.name == ITSELF:
        hiding = folds_of(gallery, queries)
    with progress("classifiers", len(KINDS) + 1) as advance:
        return compare_classifiers(
            gallery,
            queries,
            hiding=hiding,
            spaces=task.spaces,
            predictor=run.predictor,
            advance=lambda name: advance(1),
        )


def _reranked(
    engine: SearchEngine,
    run: Run,
    task: Task,
    options: Options,
    hiding: Hiding | None,
    progress: Progress,
) -> list[RerankRow]:
    queries, gallery = run.found.queries, run.found.gallery
    k = NEIGHBORS if options.vote_k is None else options.vote_k
    asked = RerankTask(
        queries, gallery, run.query_photos, options.collection, k, hiding, task.spaces, options.seed
    )
    steps = sum(queries_of(method, len(queries.keys)) for method in options.rerankings)
    with progress("re-ranking", steps) as advance:
        return judge_rerankings(engine, asked, options.rerankings, advance)


def _stressed(
    engine: SearchEngine,
    run: Run,
    task: Task,
    options: Options,
    hiding: Hiding | None,
    progress: Progress,
) -> Run:
    if not options.stress_queries:
        return run
    if run.found.answers is None:
        raise ParameterError("pictures have several values each", where="stress")
    encoder = engine.live(options.collection).encoder()
    assert encoder is not None
    rows, photos = _stress_photos(run, options)
    queries, hiding = narrowed(run.found.queries, hiding, rows)
    asked = StressTask(
        photos, queries, run.found.gallery, encoder, run.predictor, hiding, options.seed,
        task.own_spaces,
    )  # fmt: skip
    with progress("stress", steps()) as advance:
        return replace(run, stress=stress(asked, advance))


def _stress_photos(run: Run, options: Options) -> tuple[Any, list[Image.Image]]:
    """Read rows and pictures of the queries that still exist.

    Raises:
        ParameterError: None of them can be read.
    """
    rows, photos = [], []
    for row in sample_rows(len(run.found.queries.keys), options.stress_queries, options.seed):
        jpeg = run.query_photos.jpeg(int(row), BASE_SIDE_PX, STRESS_PHOTO_QUALITY)
        if jpeg is not None:
            with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
                photos.append(picture.convert("RGB"))
            rows.append(int(row))
    if not rows:
        raise ParameterError(
            "none of the queries' pictures can be read any more",
            where="stress",
            fix="bring the catalog's files back to where they were, or name a folder of queries",
        )
    return np.array(rows), photos
