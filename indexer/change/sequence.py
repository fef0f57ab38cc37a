"""The sequence of every change of encoder: prepare, embed, judge, switch over; and undo.

All makers of candidates (`switch`, `tune`, `finetune`) use `change_encoder`. The previous encoder
is kept with its embeddings, index and calibrations until the next change; `undo_change` restores
it.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from indexer.change.candidate import Candidate, indexed
from indexer.change.changeover import fingerprints
from indexer.change.embedding import MakeEncoder
from indexer.change.preparation import plain_encoder
from indexer.change.report import EncoderFigures, Report
from indexer.change.request import ChangeRequest, Say, Stage, without_progress
from indexer.change.work import Work
from indexer.patches import embed_patches
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.fields import check_field
from search_engine.collections.encoders import PROJECTION, open_encoder
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.indexes import generations as generation
from search_engine.indexes.live import COMPACT_FRACTION
from search_engine.vote.calibration.collection import refresh_label
from search_engine.vote.calibration.store import forget_calibrations

DOING = "changing its encoder"


def change_encoder(
    engine: SearchEngine,
    collection: str,
    prepare: Callable[[], Candidate],
    request: ChangeRequest,
    stage: Stage = without_progress,
    say: Say = lambda line: None,
) -> Report:
    """Prepare a candidate, judge it, and switch the collection to it unless it is refused.

    The embeddings of an interrupted or refused candidate are kept and reused by the next run.

    Raises:
        ParameterError: Nothing is indexed, or there is no such target.
        LockHeldError: Another process is indexing the collection.
        StorageError: Something could not be written; the collection is as it was.
    """
    started = time.perf_counter()
    check_field(engine.catalog, indexed(engine, collection), request.target, "target")
    candidate = prepare()
    with engine.catalog.indexing(collection, DOING):
        record = indexed(engine, collection)
        work = Work(engine, record, candidate.given_to(record), lambda: candidate.encoder, stage)
        report = work.report
        report.request, report.learning = request, candidate.learning
        if report.is_same:
            report.already_encoded = report.items
            return report
        judgement = candidate.judgement or work.judge(request, say)
        report.verdict, report.refusals = judgement.verdict, judgement.refusals
        if request.wants(report.refusals):
            if candidate.learned:
                _keep(engine, candidate)
                work.embed()
            work.change_over()
            embed_patches(engine, collection)
            refresh_label(engine.catalog, collection)
    report.seconds = time.perf_counter() - started
    return report


def _keep(engine: SearchEngine, candidate: Candidate) -> None:
    with engine.catalog.write() as writer:
        for data in candidate.learned.values():
            writer.keep_learned(hashlib.sha256(data).hexdigest(), data)


def undo_change(
    engine: SearchEngine, collection: str, force: bool = False, stage: Stage = without_progress
) -> Report:
    """Restore the encoder that a collection had before its last change of any kind.

    Its embeddings, index and calibrations were kept, so only items added or changed since have to
    be encoded. The encoder that is replaced becomes the one to go back to. If no previous encoder
    is kept, a learned projection is removed instead. `force` goes back even if searches would lose
    more than a few items.

    Raises:
        ParameterError: There is no previous encoder, or searches would lose too many items.
        EncoderError: There are items to encode, but the encoder's weights are missing.
        LockHeldError, StorageError: As for `change_encoder`.
    """
    started = time.perf_counter()
    with engine.catalog.indexing(collection, DOING):
        record = indexed(engine, collection)
        work = Work(engine, record, *_before(engine, record), stage)
        report, lacking = work.report, work.lacking()
        work.embed()
        if work.loses_too_many and not force:
            raise ParameterError(
                f"{work.lost:,} of {report.items:,} items have neither an embedding by "
                f"{report.after.name} as it was nor a picture to make it of: no search would find "
                "them any more",
                fix="index their pictures, or import their embeddings, and then undo; --force "
                "goes back all the same",
            )
        work.change_over(most_changed=1.0)
        embed_patches(engine, collection)
        report.seconds = time.perf_counter() - started
        if lacking > COMPACT_FRACTION * report.items:
            engine.live(collection).compact_locked()
    return report


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The encoder whose data was deleted, and how many embeddings that were.

    `is_tuned` tells that an undo can still remove the learned projection.
    """

    former: EncoderFigures | None
    embeddings: int
    is_tuned: bool


def forget_former(engine: SearchEngine, collection: str) -> Forgotten:
    """Delete the data kept for the previous encoder, and for candidates that were not accepted.

    Raises:
        LockHeldError, StorageError: As for `change_encoder`.
    """
    paths = engine.catalog.paths
    with engine.catalog.indexing(collection, DOING):
        record = indexed(engine, collection)
        former = engine.catalog.former(record)
        with engine.catalog.write() as writer:
            writer.forget_former(record.id)
            count = writer.keep_vectors_of(record.id, fingerprints(engine.catalog, record))
        for folder_of in (paths.index, paths.patches):
            generation.collect(folder_of(collection), record.fingerprint or "")
        forget_calibrations(paths, record, [record.fingerprint or ""])
    figures = EncoderFigures.of(former) if former else None
    return Forgotten(figures, count, PROJECTION in record.encoder_options)


def _before(engine: SearchEngine, record: Collection) -> tuple[Collection, MakeEncoder]:
    """Return the collection with its previous encoder, and a function that loads that encoder."""
    former = engine.catalog.former(record)
    if former is not None:
        return former, lambda: open_encoder(former, engine.settings, engine.catalog)
    if PROJECTION in record.encoder_options:
        plain = plain_encoder(engine, record.name)
        return plain.given_to(record), lambda: plain.encoder
    raise ParameterError(
        f"nothing is kept of an encoder that {record.name!r} had before",
        where="undo",
        fix="name the encoder: `eyedex switch ENCODER`",
    )
