"""Prepare an evaluation: read queries and gallery, choose the vote, split into folds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine.catalog.fields import check_field
from search_engine.collections.labelled import Labelled, read_gallery, take
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.evaluate.bootstrap import RESAMPLES
from search_engine.evaluate.evaluation import ValueSets
from search_engine.evaluate.multilabel import LabelSet, has_lists, joined, value_set
from search_engine.evaluate.photos import ItemPhotos, Photos, RowsOf
from search_engine.evaluate.predictors import CalibratedVote, PlainVote, Predictor
from search_engine.evaluate.ranking import Hiding, Space
from search_engine.evaluate.relearning import Lesson, has_learned, read_lesson
from search_engine.evaluate.splits import (
    folds_by_thing,
    hiding_groups,
    hiding_things,
    labelled_rows,
    narrowed,
    sample_rows,
)
from search_engine.evaluate.unknown_labels import (
    UnknownLabel,
    is_known,
    refuse_all,
    unknown_labels,
)
from search_engine.search.rerank.registry import Method
from search_engine.vote.question import VoteQuestion

QUERIES = "queries"
THING = "product or scene"
ONE_BY_ONE, THING_BY_THING = "leave one out", f"leave one {THING} out"
ITSELF = "the catalog itself"

Progress = Callable[[str, int], Any]
"""Begins a stage, by name and number of steps; yields a function to count them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Queries that are not items of the catalog: photos with what is known of each.

    `values` are the raw values of the target, one for each query; `rejected` counts unreadable
    photos.
    """

    queries: Labelled
    values: Sequence[Any]
    photos: Photos
    name: str
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    """What to evaluate and how.

    The vote is that of `eyedex classify`: calibrated if the collection is, abstaining as
    `accept_accuracy` requires, by `vote_k` neighbors if given. `k` is a depth to measure besides 1,
    5 and 10. Items of the catalog are held out product by product, or scene by scene, or value by
    value of the field `group_by`; `folds` cross-validates, keeping these together;
    `hold_out_classes` removes so many from the catalog for a further test; `sample` limits the
    number of queries; `separator` splits several values in one text; `stress_queries` is 0 for no
    stress test; `classifiers` also measures all classifiers, `rerankings` each of these methods
    against the order by similarity.
    """

    collection: str = "default"
    target: str = "label"
    k: int | None = None
    vote_k: int | None = None
    accept_accuracy: float | None = None
    seed: int = 0
    resamples: int = RESAMPLES
    sample: int | None = None
    folds: int | None = None
    hold_out_classes: int | None = None
    group_by: str | None = None
    separator: str | None = None
    stress_queries: int = 0
    classifiers: bool = False
    rerankings: Sequence[Method] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """Everything that `examine` needs, and names for the report.

    `strangers` are the queries whose labels the catalog lacks, `unknown` those labels. `learned`
    tells that the encoder learned from the labels of the queries; `lesson` is all that it learned
    from, if it can be learned again, and `spaces` are learned again.
    """

    queries: Labelled
    gallery: Labelled
    photos: Photos
    predictor: Predictor
    hiding: Hiding | None
    values: ValueSets | None
    name: str
    split: str
    rejected: int
    strangers: Labelled | None = None
    unknown: tuple[UnknownLabel, ...] = ()
    learned: bool = False
    lesson: Lesson | None = None
    spaces: Sequence[Space] = ()

    @property
    def later(self) -> int:
        """How many items are left out as they came later than what was learned."""
        return 0 if self.lesson is None else self.lesson.later

    @property
    def alone(self) -> int:
        """How many labelled items are held out alone, unlike those that share a thing or group."""
        if self.hiding is None:
            return 0
        rows = labelled_rows(self.queries)
        return int((self.hiding.queries[rows] < 0).sum())

    @property
    def known_photos(self) -> int:
        """How many labelled queries that are no items show the picture of one."""
        if self.split != QUERIES:
            return 0
        return int((self.queries.keys[labelled_rows(self.queries)] >= 0).sum())

    @property
    def indexed(self) -> Labelled:
        """All items of the collection, as its index has them."""
        return self.gallery if self.lesson is None else self.lesson.whole

    @property
    def own_spaces(self) -> Sequence[Space]:
        """The spaces, where they were learned from embeddings by the encoder in use."""
        return () if self.lesson is None or self.lesson.held else self.spaces

    def spaces_without(self, classes: Sequence[str], progress: Progress) -> Sequence[Space]:
        """Learn again without some classes; no spaces where the encoder cannot."""
        if self.lesson is None or not self.own_spaces:
            return ()
        with progress("learning without classes", self.lesson.parts) as advance:
            return self.lesson.without(classes).spaces(self.hiding, advance)

    def relearned(self, progress: Progress) -> "Task":
        """Learn again, if there is a lesson, without each part of the items that are asked with."""
        if self.lesson is None:
            return self
        with progress("learning again", self.lesson.parts) as advance:
            return replace(self, spaces=self.lesson.spaces(self.hiding, advance))


def prepare(engine: SearchEngine, asked: Asked | None, options: Options) -> Task:
    """Read the gallery, and hold out its items as queries if there are no others.

    Raises:
        ParameterError: Options contradict each other, there is no such field, or the catalog has
            none of the queries' labels.
        CollectionNotFoundError: There is no such collection.
    """
    _check_split(asked, options)
    record = engine.catalog.collection(options.collection)
    check_field(engine.catalog, record, options.target, "target")
    gallery = read_gallery(
        engine.catalog, options.collection, options.target, group_by=options.group_by
    )
    values, gallery, queries = _several_values(engine, gallery, asked, options)
    learned = asked is None and has_learned(engine.catalog, record, options.target)
    lesson = None
    if learned and values is None:
        lesson = read_lesson(engine.catalog, record, options.target, gallery)
    if lesson is not None:
        gallery = queries = lesson.gallery
    hiding = None if asked else _hiding(lesson.looks if lesson else gallery, values, options)
    task = Task(
        queries, gallery, asked.photos if asked else ItemPhotos(engine, gallery.keys),
        _predictor(engine, options, values is not None), hiding, values,
        asked.name if asked else ITSELF,
        QUERIES if asked else _split(hiding, options), asked.rejected if asked else 0,
        learned=learned, lesson=lesson,
    )  # fmt: skip
    if lesson is not None:
        task = _chosen(task, lesson.asked)
    return _sampled(task if asked is None else _apart(task), options)


def _check_split(asked: Asked | None, options: Options) -> None:
    """Raise ParameterError where queries are named and items are to be held out, too."""
    for where, wanted in (("folds", options.folds), ("group_by", options.group_by)):
        if wanted and asked is not None:
            raise ParameterError(
                f"{where} holds out items of the catalog itself",
                where=where,
                fix="leave out the queries",
            )


def _hiding(gallery: Labelled, values: ValueSets | None, options: Options) -> Hiding | None:
    """Return what items must not find besides themselves: their fold, group or thing."""
    if options.folds:
        return folds_by_thing(gallery, options.folds, options.seed)
    if options.group_by:
        return hiding_groups(gallery.groups)
    return hiding_things(gallery, None if values is None else values.queries)


def _apart(task: Task) -> Task:
    """Split the queries into those whose label the catalog has, and the others.

    Raises:
        ParameterError: No query has a label of the catalog.
    """
    queries, values = task.queries, task.values
    if values is None:
        known = {label for label in task.gallery.labels if label is not None}
        wanted = [None if one is None else frozenset((one,)) for one in queries.labels]
    else:
        known = {value for each in values.gallery for value in each or ()}
        wanted = list(values.queries)
    here = is_known(wanted, known)
    if here.all() or not known:
        return task
    strange = np.flatnonzero(~here)
    unknown = unknown_labels([wanted[row] for row in strange.tolist()], known)
    if not any(wanted[row] for row in np.flatnonzero(here).tolist()):
        raise refuse_all(unknown, task.name)
    kept = _chosen(task, np.flatnonzero(here))
    return replace(kept, strangers=take(queries, strange), unknown=unknown)


def _split(hiding: Hiding | None, options: Options) -> str:
    if hiding is None:
        return ONE_BY_ONE
    together = options.group_by or THING
    return f"{options.folds} folds by {together}" if options.folds else f"leave one {together} out"


def _predictor(engine: SearchEngine, options: Options, several: bool) -> Predictor:
    """Return the same vote as `SearchEngine.classify`, of several values if pictures have these.

    Values that a separator divides were calibrated as whole labels, which says nothing of them.

    Raises:
        ParameterError: The requested accuracy needs a calibration, or a better one.
    """
    question = engine.question(
        target=options.target,
        vote_k=options.vote_k,
        accept_accuracy=options.accept_accuracy,
        collection=options.collection,
    )
    assert isinstance(question, VoteQuestion)
    fitted = question.calibrated
    if fitted is not None and several == (fitted.values is not None):
        return CalibratedVote(fitted, question.min_confidence)
    if options.accept_accuracy is not None:
        raise ParameterError(
            "whole labels were calibrated, not the values that a separator divides",
            where="accept_accuracy",
            fix="leave it out, or `separator`",
        )
    return PlainVote(question.voting.k, question.rule, question.class_weights, question.least_score)


def _several_values(
    engine: SearchEngine, gallery: Labelled, asked: Asked | None, options: Options
) -> tuple[ValueSets | None, Labelled, Labelled]:
    """Return values, gallery and queries; several values of a picture are joined to its label."""
    items = engine.catalog.by_keys(gallery.keys.tolist())
    named = options.target in ("label", "product_id")
    raw = [
        getattr(items[key], options.target) if named else items[key].attributes.get(options.target)
        for key in gallery.keys.tolist()
    ]
    queries = asked.queries if asked else gallery
    if not (options.separator or has_lists(raw)):
        return None, gallery, queries
    known = [value_set(value, options.separator) for value in raw]
    given = [value_set(value, options.separator) for value in asked.values] if asked else known
    wanted = [values or frozenset() for values in given]
    return (
        ValueSets(wanted, known),
        replace(gallery, labels=_texts(known)),
        replace(queries, labels=_texts(wanted)),
    )


def _texts(sets: Sequence[LabelSet | None]) -> list[str | None]:
    return [joined(values) if values else None for values in sets]


def _sampled(task: Task, options: Options) -> Task:
    count = len(task.queries.keys)
    if options.sample is None or options.sample >= count:
        return task
    return _chosen(task, sample_rows(count, options.sample, options.seed))


def _chosen(task: Task, rows: NDArray[np.int64]) -> Task:
    """Select queries."""
    queries, hiding = narrowed(task.queries, task.hiding, rows)
    values = task.values
    if values is not None:
        values = replace(values, queries=[values.queries[row] for row in rows])
    photos = RowsOf(task.photos, rows.tolist())
    return replace(task, queries=queries, hiding=hiding, values=values, photos=photos)
