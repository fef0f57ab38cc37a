"""A projection that is learned from the labels of a collection, put behind its encoder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.change.candidate import Candidate, plain_encoder, with_layers, with_projection
from indexer.change.gallery import labelled_only, whole_gallery
from indexer.change.judging import LEAST_ITEMS
from indexer.change.report import Report
from indexer.change.request import Advance, ChangeRequest, Stage, without_progress
from indexer.change.sequence import change_encoder
from search_engine.adapt.gate import Verdict, judge
from search_engine.collections.encoders import NETWORK
from search_engine.collections.labelled import Labelled
from search_engine.encoders.projection import Origin, Projection, project
from search_engine.encoders.projection_learning import SHRINKAGES, learn
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.evaluate.splits import take
from search_engine.records import Codes, Vectors
from search_engine.things import FOLDS

LAYERS_UP_TO = 20_000
"""Items whose pictures are encoded anew without being asked for: some two minutes on two cores."""


def tune_collection(
    engine: SearchEngine,
    collection: str,
    request: ChangeRequest | None = None,
    layers: bool | None = None,
    stage: Stage = without_progress,
) -> Report:
    """Learn a projection from a collection's labels; if it is better, the collection has it.

    What is learned is put behind the encoder as it came, also when the collection was tuned before,
    and compared with that encoder.

    Args:
        engine: On the data directory.
        collection: Which.
        request: By which labels, and whether to use what is refused.
        layers: Whether to learn from features of several layers too, which encodes all pictures
            anew; None: where that takes no more than some minutes.
        stage: Begins a stage of the work.

    Raises:
        ParameterError: Nothing is indexed, there are too few labels to learn from, or the network
            was fine-tuned on these labels.
        LockHeldError, StorageError: As for `change_encoder`.
    """
    chosen = request or ChangeRequest()

    def prepare() -> Candidate:
        return _candidate(engine, collection, chosen, layers, stage)

    return change_encoder(engine, collection, prepare, chosen, stage)


def _candidate(
    engine: SearchEngine, collection: str, request: ChangeRequest, layers: bool | None, stage: Stage
) -> Candidate:
    plain = plain_encoder(engine, collection)
    if NETWORK in engine.catalog.collection(collection).encoder_options:
        raise ParameterError(
            f"the network of {collection!r} was fine-tuned, which is more than this would bring",
            fix="`eyedex tune --finetune` learns from what is there now; --undo goes back first",
        )
    gallery, codes, bases = _bases(engine, collection, request.target, plain, layers, stage)
    with stage("learning", FOLDS) as advance:
        verdict = _judge(gallery, codes, bases, request.seed, advance)
    place, number = divmod(verdict.chosen, len(SHRINKAGES))
    base, shrinkage = bases[place], SHRINKAGES[number]
    ((mean, matrix),) = learn(base.vectors, codes, (shrinkage,))
    origin = Origin(
        fingerprint=base.candidate.encoder.spec.fingerprint,
        target=request.target,
        items=len(codes),
        classes=int(codes.max()) + 1,
        shrinkage=shrinkage,
        forced=not verdict.accepted,
        came_with=dict(plain.options),
    )
    return with_projection(plain, base.candidate, Projection(mean, matrix, origin), verdict)


@dataclass(frozen=True, slots=True)
class _Base:
    """An encoder to learn behind, and its embeddings (N, D) of the labelled items."""

    candidate: Candidate
    vectors: Vectors


def _bases(
    engine: SearchEngine,
    collection: str,
    target: str,
    plain: Candidate,
    layers: bool | None,
    stage: Stage,
) -> tuple[Labelled, Codes, list[_Base]]:
    """The labelled items with their plain embeddings, and all that can be learned behind."""
    whole = whole_gallery(engine, collection, target, plain.encoder, stage)
    gallery, codes, classes = labelled_only(whole)
    if len(codes) < LEAST_ITEMS or classes < 2:
        raise ParameterError(
            f"{len(codes)} items of {classes} values of {target!r} are too few to learn from",
            where="target",
            fix=f"index at least {LEAST_ITEMS} items of two values, or name another --target",
        )
    count = engine.catalog.count(engine.catalog.collection(collection))
    wanted = count <= LAYERS_UP_TO if layers is None else layers
    layered = with_layers(engine, collection, plain) if wanted else None
    if layered is None:
        return gallery, codes, [_Base(plain, gallery.vectors)]
    others = whole_gallery(engine, collection, target, layered.encoder, stage)
    _, here, there = np.intersect1d(gallery.keys, others.keys, return_indices=True)
    gallery = take(gallery, here)  # a picture may be gone that was there when it was indexed
    _, codes = np.unique(codes[here], return_inverse=True)
    return gallery, codes, [_Base(plain, gallery.vectors), _Base(layered, others.vectors[there])]


def _judge(
    gallery: Labelled, codes: Codes, bases: Sequence[_Base], seed: int, advance: Advance
) -> Verdict:
    def adapt(rows: Codes) -> Iterator[Vectors]:
        for base in bases:
            for mean, matrix in learn(base.vectors[rows], codes[rows], SHRINKAGES):
                yield project(base.vectors, mean, matrix)

    return judge(gallery, adapt, seed=seed, advance=advance)
