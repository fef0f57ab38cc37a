"""Adapting a collection's encoder to its labels, if that proves better, and going back."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from indexer.switching import Switch, embed, switch_encoder
from search_engine.calibration.collection import refresh_label
from search_engine.encoders.base import Encoder
from search_engine.encoders.projection import Origin, ProjectedEncoder, Projection, project
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.evaluation.splits import labelled_rows, take
from search_engine.gallery import read_gallery
from search_engine.locks import exclusive
from search_engine.records import Vectors
from search_engine.tally import Codes
from search_engine.tuning.gate import Verdict, judge
from search_engine.tuning.learning import SHRINKAGES, learn

LEAST_ITEMS = 50

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class TuneRequest:
    """How to tune: by which labels; `force` takes what the gate refuses, `dry_run` only looks."""

    target: str = "label"
    force: bool = False
    dry_run: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Tuned:
    """What the gate found, and what became of it; `switch` is None when nothing was changed."""

    verdict: Verdict
    items: int
    classes: int
    dimension_before: int
    dimension: int
    shrinkage: float
    fingerprint: str
    switch: Switch | None
    seconds: float


def tune_collection(
    engine: SearchEngine,
    collection: str,
    request: TuneRequest | None = None,
    advance: Advance = lambda count: None,
) -> Tuned:
    """Learn a projection from a collection's labels; if it is better, the collection has it.

    What is learned is put behind the encoder as it came, also when the collection was tuned before,
    and compared with that encoder.

    Args:
        engine: On the data directory.
        collection: Which.
        request: How.
        advance: Called with 1 for each fold of the gate.

    Raises:
        ParameterError: Nothing is indexed, or there are too few labels to learn from.
        LockHeldError: Another process is indexing the collection.
        StorageError: Something could not be written; the collection is as it was.
    """
    request = request or TuneRequest()
    started = time.perf_counter()
    base = _plain(_encoder(engine, collection))
    engine.check_field(engine.live(collection), request.target, "target")
    _complete(engine, collection, base)
    record = engine.catalog.collection(collection)
    plain = replace(record, fingerprint=base.spec.fingerprint, dimension=base.spec.dimension)
    gallery = read_gallery(engine, collection, request.target, plain)
    labelled = take(gallery, labelled_rows(gallery))
    classes, codes = np.unique([label or "" for label in labelled.labels], return_inverse=True)
    _check_enough(len(codes), len(classes), request.target)
    verdict = judge(labelled, codes, _candidates, seed=request.seed, advance=advance)
    shrinkage = SHRINKAGES[verdict.chosen]
    ((mean, matrix),) = learn(labelled.vectors, codes, (shrinkage,))
    origin = Origin(
        fingerprint=base.spec.fingerprint,
        target=request.target,
        items=len(codes),
        classes=len(classes),
        shrinkage=shrinkage,
        forced=not verdict.accepted,
    )
    tuned = ProjectedEncoder(base, Projection(mean, matrix, origin))
    wanted = (verdict.accepted or request.force) and not request.dry_run
    return Tuned(
        verdict=verdict,
        items=len(codes),
        classes=len(classes),
        dimension_before=base.spec.dimension,
        dimension=tuned.spec.dimension,
        shrinkage=shrinkage,
        fingerprint=tuned.spec.fingerprint,
        switch=_take_over(engine, collection, tuned) if wanted else None,
        seconds=time.perf_counter() - started,
    )


def undo_tuning(engine: SearchEngine, collection: str) -> Switch:
    """Give a collection back the encoder as it came.

    Raises:
        ParameterError: The collection is not tuned.
        LockHeldError, StorageError: As for `tune_collection`.
    """
    encoder = _encoder(engine, collection)
    if not isinstance(encoder, ProjectedEncoder):
        raise ParameterError(f"the encoder of {collection!r} is not tuned")
    options = _options(engine, collection)
    switch = switch_encoder(engine, collection, encoder.base, options)
    refresh_label(engine, collection)
    return switch


def _take_over(engine: SearchEngine, collection: str, tuned: ProjectedEncoder) -> Switch:
    projection = tuned.projection
    with engine.catalog.write() as writer:
        writer.keep_projection(projection.sha256, projection.data)
    options = {**_options(engine, collection), "projection": projection.sha256}
    switch = switch_encoder(engine, collection, tuned, options)
    refresh_label(engine, collection)
    return switch


def _encoder(engine: SearchEngine, collection: str) -> Encoder:
    encoder = engine.live(collection).encoder()
    if encoder is None:
        raise ParameterError("nothing is indexed yet", fix="`eyedex index` comes first")
    return encoder


def _plain(encoder: Encoder) -> Encoder:
    return encoder.base if isinstance(encoder, ProjectedEncoder) else encoder


def _options(engine: SearchEngine, collection: str) -> dict[str, str]:
    """What the encoder as it came needs beside its name."""
    found = engine.catalog.collection(collection).encoder_options
    return {name: str(value) for name, value in found.items() if name != "projection"}


def _complete(engine: SearchEngine, collection: str, base: Encoder) -> None:
    """Items that came after an earlier tuning have no embedding to learn from: make it."""
    record = engine.catalog.collection(collection)
    if len(engine.catalog.keys_without(record, base.spec.fingerprint)):
        with exclusive(engine.catalog.paths.index_run_lock(collection), 0.0, "tuning it"):
            embed(engine, record, base, Switch(), lambda count: None)


def _candidates(vectors: Vectors, codes: Codes) -> Sequence[Callable[[Vectors], Vectors]]:
    return [
        partial(project, mean=mean, matrix=matrix)
        for mean, matrix in learn(vectors, codes, SHRINKAGES)
    ]


def _check_enough(items: int, classes: int, target: str) -> None:
    if items < LEAST_ITEMS or classes < 2:
        raise ParameterError(
            f"{items} items of {classes} values of {target!r} are too few to learn from",
            where="target",
            fix=f"index at least {LEAST_ITEMS} items of two values, or name another --target",
        )
