"""The one way to another encoder: prepare, embed beside, judge, change over; and back.

Whatever brings a candidate (`switch`, `tune`, `finetune`) goes through `change_encoder`. The
encoder before is kept with its embeddings, index and calibrations until the next change, and
`undo_change` gives it back.
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
    """Prepare a candidate, judge it, and let a collection have it if it is not refused.

    A candidate that is interrupted or refused leaves its embeddings, which are used the next time.

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
    """Give a collection back the encoder that it had before the last change of any kind.

    Its embeddings, its index and its calibrations are still there; only items that came or changed
    since have to be encoded. The encoder that it had until now is the one to go back to next. Where
    nothing is kept of an encoder before, what was learned is taken off. `force` goes back even if
    searches lose more than a few items.

    Raises:
        ParameterError: There is no encoder before, or searches would lose too many items.
        EncoderError: There are items to encode, but the encoder's weights are not here.
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
        report.seconds = time.perf_counter() - started
        if lacking > COMPACT_FRACTION * report.items:
            engine.live(collection).compact_locked()
    return report


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The encoder that is not kept any more, and how many embeddings were deleted.

    `is_tuned` says that what was learned can still be taken off.
    """

    former: EncoderFigures | None
    embeddings: int
    is_tuned: bool


def forget_former(engine: SearchEngine, collection: str) -> Forgotten:
    """Delete what is kept of the encoder before, and of one that was tried and not taken.

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
        generation.collect(paths.index(collection), record.fingerprint or "")
        forget_calibrations(paths, record, [record.fingerprint or ""])
    figures = EncoderFigures.of(former) if former else None
    return Forgotten(figures, count, PROJECTION in record.encoder_options)


def _before(engine: SearchEngine, record: Collection) -> tuple[Collection, MakeEncoder]:
    """The collection with the encoder before, and what makes that encoder."""
    former = engine.catalog.former(record)
    if former is not None:
        return former, lambda: open_encoder(former, engine.settings, engine.catalog)
    if PROJECTION in record.encoder_options:
        plain = plain_encoder(engine, record.name)
        return plain.given_to(record), lambda: plain.encoder
    raise ParameterError(
        f"nothing is kept of an encoder that {record.name!r} had before",
        where="--undo",
        fix="name the encoder: `eyedex switch ENCODER`",
    )
