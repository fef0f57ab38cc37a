"""Fine-tune a collection's network on its pictures, and switch to the result if it is better."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from indexer.change.candidate import Candidate, with_projection
from indexer.change.preparation import LEAST_ITEMS, Preparation, labelled_only
from indexer.change.report import Report
from indexer.change.request import ChangeRequest, Stage, without_progress
from indexer.change.sequence import change_encoder
from indexer.change.training_run import Task, TrainingRun
from indexer.change.tune import LAYERS_UP_TO, Behind, judge_behind
from search_engine.adapt.gate import Verdict
from search_engine.adapt.objectives import import_losses
from search_engine.adapt.plan import TrainingPlan
from search_engine.adapt.tenth import draw_tenths
from search_engine.collections.encoders import encoder_request
from search_engine.collections.labelled import Labelled, take
from search_engine.encoders.base import Encoder
from search_engine.encoders.cnn import CnnEncoder
from search_engine.encoders.projection import Judge, Origin, Projection
from search_engine.encoders.projection_learning import WHITENING_SHRINKAGE, learn, whiten
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.evaluate.splits import sample_rows
from search_engine.records import Vectors
from search_engine.storage.durable import replace_synced
from search_engine.storage.locks import exclusive

MOST_PICTURES = 20_000
"""Pictures to train on, at most (about 4 GB of pixels); larger catalogs are sampled."""


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
    result is compared with that network. Half of the trainings do without one tenth of the products
    or scenes, the others without another: that decides when to stop and whether the result, their
    mean, is better. `layers=False` keeps the features that the network has now.

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
    task = run.open(_task(preparation, start))
    networks = run.trained(task)
    trained = replace(start, encoder=_with_network(preparation, start, networks.weights))
    vectors = run.features(trained.encoder, "looking at what was learned")
    judges, judging = [trained.encoder], [vectors]
    if len(networks.judging) > 1:
        judges = [_judge(preparation, start, each, run.folder) for each in networks.judging]
        judging = [run.features(each, "looking at what was held out") for each in judges]
    verdict, shrinkage = _judged(task, judging, request)
    mean, matrix = _behind(task, vectors, shrinkage)
    origin = Origin(
        fingerprint=trained.encoder.spec.fingerprint,
        target=request.target if task.labelled else None,
        items=len(task.codes),
        classes=int(task.codes.max()) + 1 if task.labelled else 0,
        shrinkage=shrinkage,
        forced=verdict is None or not verdict.accepted,
        came_with=dict(plain.options),
        judges=_noted(task, judges),
    )
    projection = Projection(mean, matrix, origin)
    made = with_projection(plain, trained, projection, verdict, networks.weights)
    if made.judgement and request.wants(made.judgement.refusals):
        for judge in judges:
            if judge is not trained.encoder:  # whose embeddings the change makes
                preparation.gallery(judge)  # kept to calibrate by
    return made


def _noted(task: Task, judges: Sequence[Encoder]) -> tuple[Judge, ...]:
    """Return the judges with what each did without; parts that all learned from have none."""
    return tuple(
        Judge(fingerprint=judge.spec.fingerprint, held_out=tuple(task.gallery.keys[held].tolist()))
        for judge, held in zip(judges, task.held, strict=False)
    )


def _network(encoder: Encoder) -> CnnEncoder:
    if not isinstance(encoder, CnnEncoder):
        raise ParameterError(
            f"the encoder {encoder.spec.name} is not a network that can be trained",
            fix="index with a network, or leave out --finetune",
        )
    return encoder


def _task(preparation: Preparation, start: Candidate) -> Task:
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
    looks = _looks(preparation, start, gallery)
    held = draw_tenths(gallery, codes, looks, request.seed)
    return Task(gallery, codes, tuple(held), labelled=True)


def _looks(preparation: Preparation, start: Candidate, gallery: Labelled) -> Vectors:
    """Return embeddings (N, D) that tell what looks alike, of early layers too if that is quick."""
    catalog = preparation.engine.catalog
    if catalog.count(catalog.collection(preparation.collection)) > LAYERS_UP_TO:
        return gallery.vectors
    found = preparation.gallery(start.encoder)
    if not np.isin(gallery.keys, found.keys).all():  # some pictures are gone
        return gallery.vectors
    return found.vectors[np.searchsorted(found.keys, gallery.keys)]


def _without_labels(gallery: Labelled, seed: int) -> Task:
    gallery = take(gallery, sample_rows(len(gallery.keys), MOST_PICTURES, seed))
    if len(gallery.keys) < LEAST_ITEMS:
        raise ParameterError(
            f"{len(gallery.keys)} pictures are too few to learn from",
            fix=f"index at least {LEAST_ITEMS}",
        )
    return Task(gallery, np.arange(len(gallery.keys)), (), labelled=False)


def _with_network(preparation: Preparation, start: Candidate, data: bytes) -> Encoder:
    """Return the plain encoder with trained weights, and store the weights file."""
    engine = preparation.engine
    path = engine.catalog.paths.network(hashlib.sha256(data).hexdigest())
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_synced(path, data)
    return create_encoder(replace(_request(preparation, start), weights=path))


def _judge(preparation: Preparation, start: Candidate, data: bytes, folder: Path) -> Encoder:
    """Return the plain encoder with weights that only the run needs, in its folder."""
    path = folder / f"{hashlib.sha256(data).hexdigest()}.safetensors"
    replace_synced(path, data)
    return create_encoder(replace(_request(preparation, start), weights=path, cache=folder))


def _request(preparation: Preparation, start: Candidate) -> EncoderRequest:
    engine = preparation.engine
    record = engine.catalog.collection(preparation.collection)
    record = replace(record, encoder_options=dict(start.options))
    return encoder_request(record, engine.settings, engine.catalog)


def _judged(
    task: Task, judging: Sequence[Vectors], request: ChangeRequest
) -> tuple[Verdict | None, float]:
    """Judge networks by embeddings (N, D); return the shrinkage of the best projection too."""
    if not task.labelled:
        return None, WHITENING_SHRINKAGE
    parts = [
        Behind(task.gallery, task.codes, held, vectors)
        for held, vectors in zip(task.held, judging, strict=False)
    ]
    return judge_behind(parts, request.seed)


def _behind(task: Task, vectors: Vectors, shrinkage: float) -> tuple[Vectors, Vectors]:
    """Learn the mean and matrix to put behind the network."""
    if not task.labelled:
        return whiten(vectors)
    ((learned),) = learn(vectors, task.codes, (shrinkage,))
    return learned
