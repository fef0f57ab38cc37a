"""Learn a projection from the labels of a collection, and put it behind the encoder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.change.candidate import Candidate, with_projection
from indexer.change.preparation import LEAST_ITEMS, Preparation, labelled_only
from indexer.change.report import Report
from indexer.change.request import Advance, ChangeRequest, Stage, without_progress
from indexer.change.sequence import change_encoder
from search_engine.adapt.gate import HeldPart, Verdict, judge, judge_held_out
from search_engine.catalog.collection_rows import Collection
from search_engine.collections.encoders import NETWORK, PROJECTION, judged
from search_engine.collections.labelled import Labelled, take
from search_engine.encoders.projection import Judge, Origin, ProjectedEncoder, Projection, project
from search_engine.encoders.projection_learning import SHRINKAGES, Learner, learn
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.records import Codes, Vectors
from search_engine.things import FOLDS

LAYERS_UP_TO = 20_000
"""Up to this many pictures are encoded again without asking: about two minutes on two cores."""


def tune_collection(
    engine: SearchEngine,
    collection: str,
    request: ChangeRequest | None = None,
    layers: bool | None = None,
    stage: Stage = without_progress,
) -> Report:
    """Learn a projection from a collection's labels, and use it if it is better.

    The projection is always put behind the plain encoder, even if the collection was tuned before,
    and compared with that encoder. Where the network was fine-tuned, it is put behind that.

    Args:
        engine: On the data directory.
        collection: Its name.
        request: Names the labels, and tells whether to use a refused projection.
        layers: Whether to try features of several layers too, which encodes all pictures again;
            None means only if that takes a few minutes at most.
        stage: Begins a stage of the work.

    Raises:
        ParameterError: Nothing is indexed, there are too few labels to learn from, or too few
            items that a fine-tuned network did not learn from.
        LockHeldError, StorageError: As for `change_encoder`.
    """
    preparation = Preparation(engine, collection, request or ChangeRequest(), stage)
    return change_encoder(
        engine, collection, lambda: _candidate(preparation, layers), preparation.request, stage
    )


def _candidate(preparation: Preparation, layers: bool | None) -> Candidate:
    plain = preparation.plain
    record = preparation.engine.catalog.collection(preparation.collection)
    if NETWORK in record.encoder_options:
        return _refreshed(preparation, record)
    if layers is None:
        layers = preparation.engine.catalog.count(record) <= LAYERS_UP_TO
    gallery, codes, bases = _bases(preparation, layers)
    return learned(
        Lesson(plain, gallery, codes, bases, easy=True), preparation.request, preparation.stage
    )


def _refreshed(preparation: Preparation, record: Collection) -> Candidate:
    """Learn the projection behind a fine-tuned network again, from the labels as they are now.

    It is judged, against the network without a projection, by items that the network did not learn
    from.
    """
    encoder, request = preparation.engine.live(record.name).encoder(), preparation.request
    assert isinstance(encoder, ProjectedEncoder)
    gallery, codes, classes = labelled_only(preparation.gallery(encoder.base))
    origin = encoder.projection.origin
    parts = []
    judges = origin.judges or (Judge(fingerprint=origin.fingerprint, held_out=()),)
    for stored, by in zip(judged(record, encoder.projection), judges, strict=True):
        asked, asked_codes, _ = labelled_only(preparation.stored(stored))
        held = np.flatnonzero(np.isin(asked.keys, by.held_out))
        parts.append(Behind(asked, asked_codes, held, asked.vectors))
    count = sum(len(part.held) for part in parts)
    if count < LEAST_ITEMS and not request.force:
        raise ParameterError(
            f"the network of {record.name!r} was fine-tuned, and {count} labelled items that "
            "it did not learn from are too few to judge another projection by",
            fix="`eyedex tune --finetune` learns from what is there now; --undo goes back first",
        )
    verdict, shrinkage = judge_behind(parts, request.seed)
    ((mean, matrix),) = learn(gallery.vectors, codes, (shrinkage,))
    origin = origin.model_copy(
        update={
            "target": request.target,
            "items": len(codes),
            "classes": classes,
            "shrinkage": shrinkage,
            "forced": not verdict.accepted,
        }
    )
    options = {name: str(value) for name, value in record.encoder_options.items()}
    options.pop(PROJECTION)
    network = Candidate(encoder.base, options)
    return with_projection(preparation.plain, network, Projection(mean, matrix, origin), verdict)


@dataclass(frozen=True, slots=True)
class Behind:
    """Rows that a network did not learn from, which judge a projection behind it.

    `gallery` has labelled items with the embeddings to compare with, `codes` their classes (N,),
    `vectors` the embeddings by the network, (N, D).
    """

    gallery: Labelled
    codes: Codes
    held: Codes
    vectors: Vectors

    def part(self) -> HeldPart:
        """Learn a projection from the other rows with each shrinkage."""
        rest = np.setdiff1d(np.arange(len(self.codes)), self.held)
        candidates = [
            project(self.vectors, mean, matrix)
            for mean, matrix in learn(self.vectors[rest], self.codes[rest], SHRINKAGES)
        ]
        return HeldPart(self.gallery, self.held, candidates)


def judge_behind(parts: Sequence[Behind], seed: int) -> tuple[Verdict, float]:
    """Choose the shrinkage of a projection behind a fine-tuned network, and judge both.

    Args:
        parts: By each network that judges.
        seed: For the bootstrap.
    """
    verdict = judge_held_out([part.part() for part in parts], seed=seed)
    return verdict, SHRINKAGES[verdict.chosen]


@dataclass(frozen=True, slots=True)
class Base:
    """An encoder to learn behind, and its embeddings (N, D) of the labelled items."""

    candidate: Candidate
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Lesson:
    """What to learn from: the labelled items with their embeddings by the plain encoder.

    `codes` are their classes, (N,); one of the `bases` is chosen, with one of the `shrinkages`.
    With `easy` the accuracy by easy folds is measured as well.
    """

    plain: Candidate
    gallery: Labelled
    codes: Codes
    bases: Sequence[Base]
    shrinkages: Sequence[float] = SHRINKAGES
    easy: bool = False


def learned(lesson: Lesson, request: ChangeRequest, stage: Stage) -> Candidate:
    """Learn a projection, judged by folds against the plain encoder."""
    codes = lesson.codes
    with stage("learning", FOLDS) as advance:
        verdict = _judge(lesson, request.seed, advance)
    place, number = divmod(verdict.chosen, len(lesson.shrinkages))
    base, shrinkage = lesson.bases[place], lesson.shrinkages[number]
    ((mean, matrix),) = learn(base.vectors, codes, (shrinkage,))
    origin = Origin(
        fingerprint=base.candidate.encoder.spec.fingerprint,
        target=request.target,
        items=len(codes),
        classes=int(codes.max()) + 1,
        shrinkage=shrinkage,
        forced=not verdict.accepted,
        came_with=dict(lesson.plain.options),
    )
    projection = Projection(mean, matrix, origin)
    return with_projection(lesson.plain, base.candidate, projection, verdict)


def _bases(preparation: Preparation, layers: bool) -> tuple[Labelled, Codes, list[Base]]:
    """Read the labelled items with their plain embeddings, and all encoders to learn behind."""
    plain, target = preparation.plain, preparation.request.target
    gallery, codes, classes = labelled_only(preparation.gallery(plain.encoder))
    if len(codes) < LEAST_ITEMS or classes < 2:
        raise ParameterError(
            f"{len(codes)} items of {classes} values of {target!r} are too few to learn from",
            where="target",
            fix=f"index at least {LEAST_ITEMS} items of two values, or name another --target",
        )
    layered = preparation.with_layers() if layers else None
    if layered is None:
        return gallery, codes, [Base(plain, gallery.vectors)]
    others = preparation.gallery(layered.encoder)
    _, rows, of_others = np.intersect1d(gallery.keys, others.keys, return_indices=True)
    gallery = take(gallery, rows)  # pictures may have been deleted since they were indexed
    _, codes = np.unique(codes[rows], return_inverse=True)
    bases = [Base(plain, gallery.vectors), Base(layered, others.vectors[of_others])]
    return gallery, codes, bases


def _judge(lesson: Lesson, seed: int, advance: Advance) -> Verdict:
    learners = [Learner(base.vectors) for base in lesson.bases]

    def adapt(rows: Codes) -> Iterator[Vectors]:
        for learner in learners:
            yield from learner.relearned(rows, lesson.codes[rows], lesson.shrinkages)

    looks = lesson.bases[-1].vectors  # early layers, where there are any, tell light and background
    return judge(lesson.gallery, adapt, seed=seed, easy=lesson.easy, looks=looks, advance=advance)
