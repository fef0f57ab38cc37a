"""Fine-tune a collection's network on its pictures, and switch to the result if it is better."""

import hashlib
from dataclasses import replace

import numpy as np

from indexer.change.candidate import Candidate, with_projection
from indexer.change.preparation import LEAST_ITEMS, Preparation, labelled_only
from indexer.change.report import Report
from indexer.change.request import ChangeRequest, Stage, without_progress
from indexer.change.sequence import change_encoder
from indexer.change.training_run import Task, TrainingRun
from indexer.change.tune import learned_behind
from search_engine.adapt.gate import Verdict
from search_engine.adapt.objectives import import_losses
from search_engine.adapt.plan import TrainingPlan
from search_engine.collections.encoders import encoder_request
from search_engine.collections.labelled import Labelled
from search_engine.encoders.base import Encoder
from search_engine.encoders.cnn import CnnEncoder
from search_engine.encoders.projection import Origin, Projection
from search_engine.encoders.projection_learning import WHITENING_SHRINKAGE, whiten
from search_engine.encoders.registry import create_encoder
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.evaluate.splits import sample_rows, take
from search_engine.records import Codes, Vectors
from search_engine.storage.durable import replace_synced
from search_engine.storage.locks import exclusive
from search_engine.things import fold_of, things_of

MOST_PICTURES = 20_000
"""Pictures to train on, at most (about 4 GB of pixels); larger catalogs are sampled."""
HELD_OUT = 10
"""One in so many items is held out of the training, to judge and to calibrate."""


def finetune_collection(
    engine: SearchEngine,
    collection: str,
    request: ChangeRequest | None = None,
    layers: bool | None = None,
    plan: TrainingPlan | None = None,
    stage: Stage = without_progress,
) -> Report:
    """Fine-tune a collection's network, put a learned projection behind it, and judge both.

    Training always starts from the plain network, even if the collection was tuned before, and the
    result is compared with that network. A tenth of the products or scenes is held out, to decide
    when to stop and whether the result is better. `layers=False` keeps the features that the
    network has now.

    Raises:
        ParameterError: Nothing is indexed, the encoder is not a network, or there is too little to
            learn from.
        LockHeldError, StorageError: As for `change_encoder`; also if another process is tuning.
    """
    preparation = Preparation(engine, collection, request or ChangeRequest(), stage)
    start = preparation.plain
    if layers is not False:
        start = preparation.with_layers() or start
    network = _network(start.encoder)
    import_losses()  # if the package is missing, fail before any work
    folder = engine.catalog.paths.tuning(collection)
    with exclusive(folder.with_suffix(".lock"), 0.0, "tuning its network"):
        run = TrainingRun(engine, folder, network, plan or TrainingPlan(), stage)
        report = change_encoder(
            engine,
            collection,
            lambda: _candidate(preparation, start, run),
            preparation.request,
            stage,
        )
        if report.changed:
            run.clear()
    return report


def _candidate(preparation: Preparation, start: Candidate, run: TrainingRun) -> Candidate:
    plain, request = preparation.plain, preparation.request
    task = run.open(_task(preparation))
    data = run.trained(task)
    trained = replace(start, encoder=_with_network(preparation, start, data))
    vectors = run.features(trained.encoder, "looking at what was learned")
    verdict, mean, matrix, shrinkage = _behind(task, vectors, request)
    origin = Origin(
        fingerprint=trained.encoder.spec.fingerprint,
        target=request.target if task.labelled else None,
        items=len(task.codes),
        classes=int(task.codes.max()) + 1 if task.labelled else 0,
        shrinkage=shrinkage,
        forced=verdict is None or not verdict.accepted,
        came_with=dict(plain.options),
        held_out=tuple(task.gallery.keys[task.held].tolist()),
    )
    return with_projection(plain, trained, Projection(mean, matrix, origin), verdict, data)


def _network(encoder: Encoder) -> CnnEncoder:
    if not isinstance(encoder, CnnEncoder):
        raise ParameterError(
            f"the encoder {encoder.spec.name} is not a network that can be trained",
            fix="index with a network, or leave out --finetune",
        )
    return encoder


def _task(preparation: Preparation) -> Task:
    request, whole = preparation.request, preparation.gallery(preparation.plain.encoder)
    gallery, codes, classes = labelled_only(whole)
    if len(codes) < LEAST_ITEMS or classes < 2:
        if not request.force:
            raise ParameterError(
                "there are too few labels to tell whether training helps",
                fix=f"label {LEAST_ITEMS} items of two values, name another --target, or train "
                "on the pictures alone with --force",
            )
        return _without_labels(whole, request.seed)
    rows = sample_rows(len(codes), MOST_PICTURES, request.seed)
    gallery, codes = take(gallery, rows), np.unique(codes[rows], return_inverse=True)[1]
    things = things_of(gallery.vectors, codes, gallery.together)
    return Task(gallery, codes, _held_out(codes, things, request.seed), labelled=True)


def _without_labels(gallery: Labelled, seed: int) -> Task:
    gallery = take(gallery, sample_rows(len(gallery.keys), MOST_PICTURES, seed))
    if len(gallery.keys) < LEAST_ITEMS:
        raise ParameterError(
            f"{len(gallery.keys)} pictures are too few to learn from",
            fix=f"index at least {LEAST_ITEMS}",
        )
    held = np.empty(0, dtype=np.int64)
    return Task(gallery, np.arange(len(gallery.keys)), held, labelled=False)


def _held_out(codes: Codes, things: Codes, seed: int) -> Codes:
    """Choose about one in `HELD_OUT` rows, in whole things; each class keeps some to learn from."""
    candidates = np.flatnonzero(fold_of(codes, things, HELD_OUT) == 0)
    chosen: list[int] = []
    for thing in np.random.default_rng(seed).permutation(np.unique(things[candidates])):
        members = candidates[things[candidates] == thing].tolist()
        if len(chosen) + len(members) <= len(codes) // HELD_OUT:
            chosen += members
    return np.sort(np.array(chosen, dtype=np.int64))


def _with_network(preparation: Preparation, start: Candidate, data: bytes) -> Encoder:
    """Return the plain encoder with trained weights, and store the weights file."""
    engine = preparation.engine
    path = engine.catalog.paths.network(hashlib.sha256(data).hexdigest())
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_synced(path, data)
    record = engine.catalog.collection(preparation.collection)
    record = replace(record, encoder_options=dict(start.options))
    request = encoder_request(record, engine.settings, engine.catalog)
    return create_encoder(replace(request, weights=path))


def _behind(
    task: Task, vectors: Vectors, request: ChangeRequest
) -> tuple[Verdict | None, Vectors, Vectors, float]:
    """Learn what to put behind the network: the verdict, mean and matrix, and the shrinkage."""
    if not task.labelled:
        mean, matrix = whiten(vectors)
        return None, mean, matrix, WHITENING_SHRINKAGE
    return learned_behind(task.gallery, task.codes, task.held, vectors, request)
