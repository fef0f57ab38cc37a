"""Adapting a collection's encoder to its labels, if that proves better, and going back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.change.adapted import (
    Advance,
    Learned,
    PlainEncoder,
    Stage,
    Tuned,
    TuneRequest,
    check_enough,
    complete,
    concluded,
    in_silence,
    labelled_gallery,
    plain_encoder,
    with_layers,
)
from indexer.change.embedding import MOST_LOST
from indexer.change.swap import Switch, switch_encoder
from search_engine.adapt.gate import Verdict, judge
from search_engine.catalog.fields import check_field
from search_engine.collections.encoders import NETWORK
from search_engine.collections.labelled import Labelled
from search_engine.encoders.projection import Origin, ProjectedEncoder, Projection, project
from search_engine.encoders.projection_learning import SHRINKAGES, learn
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.evaluate.splits import take
from search_engine.records import Codes, Vectors
from search_engine.things import FOLDS
from search_engine.vote.calibration.collection import refresh_label

LAYERS_UP_TO = 20_000
"""Items whose pictures are encoded anew without being asked for: some two minutes on two cores."""


@dataclass(frozen=True, slots=True)
class _Basis:
    """An encoder to learn behind, and its embeddings (N, D) of the labelled items."""

    came: PlainEncoder
    vectors: Vectors


def tune_collection(
    engine: SearchEngine,
    collection: str,
    request: TuneRequest | None = None,
    stage: Stage = in_silence,
) -> Tuned:
    """Learn a projection from a collection's labels; if it is better, the collection has it.

    What is learned is put behind the encoder as it came, also when the collection was tuned before,
    and compared with that encoder. Where the encoder can pool several layers, what is learned from
    those is tried too.

    Args:
        engine: On the data directory.
        collection: Which.
        request: How.
        stage: Tells how far it is.

    Raises:
        ParameterError: Nothing is indexed, there are too few labels to learn from, or the network
            was fine-tuned on these labels.
        LockHeldError: Another process is indexing the collection.
        StorageError: Something could not be written; the collection is as it was.
    """
    request = request or TuneRequest()
    came = plain_encoder(engine, collection)
    _check_network(engine, collection)
    check_field(engine.catalog, engine.catalog.collection(collection), request.target, "target")
    gallery, codes, bases = _bases(engine, collection, request, came, stage)
    classes = int(codes.max()) + 1
    with stage("learning", FOLDS) as advance:
        verdict = _judge(gallery, codes, bases, request.seed, advance)
    basis, shrinkage = _chosen(bases, verdict)
    ((mean, matrix),) = learn(basis.vectors, codes, (shrinkage,))
    base = basis.came.encoder
    origin = Origin(
        fingerprint=base.spec.fingerprint,
        target=request.target,
        items=len(codes),
        classes=classes,
        shrinkage=shrinkage,
        forced=not verdict.accepted,
        came_with=dict(came.options),
    )
    tuned = ProjectedEncoder(base, Projection(mean, matrix, origin))
    learned = Learned(tuned, verdict, basis.came.options)
    return concluded(engine, collection, request, came, learned, stage)


def _check_network(engine: SearchEngine, collection: str) -> None:
    """Refuse to put less in the place of a fine-tuned network."""
    if NETWORK in engine.catalog.collection(collection).encoder_options:
        raise ParameterError(
            f"the network of {collection!r} was fine-tuned, which is more than this would bring",
            fix="`eyedex tune --finetune` learns from what is there now; --undo goes back first",
        )


def undo_tuning(engine: SearchEngine, collection: str) -> Switch:
    """Give a collection back the encoder as it came.

    Raises:
        ParameterError: The collection is not tuned, or too many items would not be found any more.
        LockHeldError, StorageError: As for `tune_collection`.
    """
    if not isinstance(engine.live(collection).encoder(), ProjectedEncoder):
        raise ParameterError(f"the encoder of {collection!r} is not tuned")
    came = plain_encoder(engine, collection)
    complete(engine, collection, came.encoder, in_silence)
    _refuse_to_lose(engine, collection, came)
    switch = switch_encoder(engine, collection, came.encoder, came.options)
    refresh_label(engine.catalog, collection)
    return switch


def _refuse_to_lose(engine: SearchEngine, collection: str, came: PlainEncoder) -> None:
    """As where tuned embeddings were imported: those they were made of are elsewhere."""
    record = engine.catalog.collection(collection)
    lost = np.setdiff1d(
        engine.catalog.keys_without(record, came.encoder.spec.fingerprint),
        sorted(engine.catalog.unsearchable(record)),
    )
    count = engine.catalog.count(record)
    if len(lost) > MOST_LOST * count:
        raise ParameterError(
            f"{len(lost):,} of {count:,} items have neither an embedding by "
            f"{came.encoder.spec.name} as it came nor a picture to make it of: no search would "
            "find them any more",
            fix="index their pictures, or import their embeddings, and then undo",
        )


def _bases(
    engine: SearchEngine, collection: str, request: TuneRequest, came: PlainEncoder, stage: Stage
) -> tuple[Labelled, Codes, list[_Basis]]:
    """The labelled items with their embeddings as they came, and all that can be learned behind."""
    complete(engine, collection, came.encoder, stage)
    gallery, codes, classes = labelled_gallery(engine, collection, request.target, came.encoder)
    check_enough(len(codes), classes, request.target)
    count = engine.catalog.count(engine.catalog.collection(collection))
    wanted = count <= LAYERS_UP_TO if request.layers is None else request.layers
    layered = with_layers(engine, collection, came) if wanted else None
    if layered is None:
        return gallery, codes, [_Basis(came, gallery.vectors)]
    complete(engine, collection, layered.encoder, stage)
    others, _, _ = labelled_gallery(engine, collection, request.target, layered.encoder)
    _, here, there = np.intersect1d(gallery.keys, others.keys, return_indices=True)
    gallery = take(gallery, here)  # a picture may be gone that was there when it was indexed
    _, codes = np.unique(codes[here], return_inverse=True)
    return gallery, codes, [_Basis(came, gallery.vectors), _Basis(layered, others.vectors[there])]


def _judge(
    gallery: Labelled, codes: Codes, bases: Sequence[_Basis], seed: int, advance: Advance
) -> Verdict:
    def adapt(rows: Codes) -> Iterator[Vectors]:
        for basis in bases:
            for mean, matrix in learn(basis.vectors[rows], codes[rows], SHRINKAGES):
                yield project(basis.vectors, mean, matrix)

    return judge(gallery, adapt, seed=seed, advance=advance)


def _chosen(bases: Sequence[_Basis], verdict: Verdict) -> tuple[_Basis, float]:
    place, shrinkage = divmod(verdict.chosen, len(SHRINKAGES))
    return bases[place], SHRINKAGES[shrinkage]
