"""The one way to another encoder: prepare, embed beside, judge, change over; and back.

Whatever brings a candidate (`switch`, `tune`, `finetune`) goes through `change_encoder`. The
encoder before is kept with its embeddings, index and calibrations until the next change, and
`undo_change` gives it back.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from indexer.change.candidate import Candidate, indexed, plain_encoder
from indexer.change.changeover import change_over, fingerprints
from indexer.change.embedding import Embedded, MakeEncoder, embed_missing
from indexer.change.judging import compare_encoders
from indexer.change.report import EncoderFigures, Report
from indexer.change.request import ChangeRequest, Say, Stage, without_progress
from indexer.encoding_speed import images_per_second
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.fields import check_field
from search_engine.collections.encoders import PROJECTION, open_encoder
from search_engine.encoders.base import Encoder
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError, ParameterError
from search_engine.indexes import generations as generation
from search_engine.indexes.live import COMPACT_FRACTION
from search_engine.things import FOLDS
from search_engine.vote.calibration.collection import refresh_label
from search_engine.vote.calibration.store import forget_calibrations

MOST_LOST = 0.05
"""Share of the items that searches find now and would not find any more, from which on a change is
refused: most likely a disk is not mounted."""
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

    Args:
        engine: On the data directory.
        collection: Which.
        prepare: Makes the candidate.
        request: By which labels to judge, and whether to use what is refused.
        stage: Begins a stage of the work.
        say: Takes lines for people.

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
        work = _Work(engine, record, candidate.given_to(record), lambda: candidate.encoder, stage)
        report = replace(work.report(), request=request, learning=candidate.learning)
        if report.is_same:
            return replace(report, already_encoded=report.items)
        if candidate.judgement is None:
            report = _judged_by_embeddings(work, report, request, candidate.encoder, say)
        else:
            verdict, refusals = candidate.judgement.verdict, candidate.judgement.refusals
            report = replace(report, verdict=verdict, refusals=refusals)
        if request.wants(report.refusals):
            with engine.catalog.write() as writer:
                for data in candidate.learned.values():
                    writer.keep_learned(hashlib.sha256(data).hexdigest(), data)
            report = work.carried_out(report)
            refresh_label(engine.catalog, collection)
    return replace(report, seconds=time.perf_counter() - started)


def undo_change(
    engine: SearchEngine, collection: str, force: bool = False, stage: Stage = without_progress
) -> Report:
    """Give a collection back the encoder that it had before the last change of any kind.

    Its embeddings, its index and its calibrations are still there; only items that came or changed
    since have to be encoded. The encoder that it had until now is the one to go back to next. Where
    nothing is kept of an encoder before, what was learned is taken off.

    Args:
        engine: On the data directory.
        collection: Which.
        force: Also if searches would lose more than a few items.
        stage: Begins a stage of the work.

    Raises:
        ParameterError: There is no encoder before, or searches would lose too many items.
        EncoderError: There are items to encode, but the encoder's weights are not here.
        LockHeldError, StorageError: As for `change_encoder`.
    """
    started = time.perf_counter()
    with engine.catalog.indexing(collection, DOING):
        record = indexed(engine, collection)
        work = _Work(engine, record, *_before(engine, record), stage)
        lacking = work.embed()
        report = work.report()
        lost = work.lost()
        if lost > MOST_LOST * report.items and not force:
            raise ParameterError(
                f"{lost:,} of {report.items:,} items have neither an embedding by "
                f"{report.after.name} as it was before nor a picture to make it of: no search "
                "would find them any more",
                fix="index their pictures, or import their embeddings, and then undo; --force "
                "goes back all the same",
            )
        report = work.carried_out(report, most_changed=1.0)
        seconds = time.perf_counter() - started
        if lacking > COMPACT_FRACTION * report.items:
            engine.live(collection).compact_locked()
    return replace(report, seconds=seconds)


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


@dataclass(frozen=True, slots=True)
class _Work:
    """A change under way: the collection as it is and as it shall be; its run lock is held."""

    engine: SearchEngine
    record: Collection
    wanted: Collection
    make: MakeEncoder
    stage: Stage
    embedded: Embedded = field(default_factory=Embedded)

    def report(self) -> Report:
        """What can be said before anything is changed."""
        engine, record = self.engine, self.record
        return Report(
            EncoderFigures.of(record),
            EncoderFigures.of(self.wanted),
            items=engine.catalog.count(record),
            outdated=[one.description.name for one in engine.classifiers(collection=record.name)],
            encoded=self.embedded.count,
            unsearchable=self._unsearchable(),
        )

    def _unsearchable(self) -> dict[str, str]:
        refused = self.embedded.refused
        items = self.engine.catalog.by_keys(sorted(refused))
        return {item.item_id: refused[key] for key, item in sorted(items.items())}

    def lacking(self) -> int:
        """How many items have no embedding by the wanted encoder."""
        return len(self.engine.catalog.keys_without(self.record, self.wanted.fingerprint or ""))

    def embed(self) -> int:
        """Make the missing embeddings; how many were missing."""
        lacking = self.lacking()
        with self.stage("encoding", lacking) as advance:
            embed_missing(self.engine, self.wanted, self.make, self.embedded, advance)
        return lacking

    def lost(self) -> int:
        """How many items searches find now and would not find any more."""
        return len(
            self.embedded.refused.keys() - self.engine.catalog.unsearchable(self.record).keys()
        )

    def carried_out(self, report: Report, most_changed: float = COMPACT_FRACTION) -> Report:
        """Change over; the report with what that did."""
        with self.stage("preparing the index", 1):
            done = change_over(self.engine, self.wanted, self.make, self.embedded, most_changed)
        return replace(
            report,
            changed=True,
            encoded=self.embedded.count,
            unsearchable=self._unsearchable(),
            uncalibrated=done.uncalibrated,
            changeover_s=done.seconds,
        )


def _judged_by_embeddings(
    work: _Work, report: Report, request: ChangeRequest, encoder: Encoder, say: Say
) -> Report:
    """Embed beside, and compare with the encoder in use."""
    engine, record, wanted = work.engine, work.record, work.wanted
    _forget_trials(engine, record, wanted)
    count, lacking = report.items, work.lacking()
    if lacking == 0:
        say(f"all {count:,} items have their embedding already")
    elif lacking < count:
        say(f"{count - lacking:,} of {count:,} items have their embedding already: going on there")
    work.embed()
    with work.stage("comparing", FOLDS) as advance:
        verdict = compare_encoders(engine, record, wanted, request, advance)
    refusals = []
    worse = [name for name, change in verdict.changes.items() if change.is_worse] if verdict else []
    if worse:
        refusals.append(f"worse in {', '.join(worse)}")
    lost = work.lost()
    if lost > MOST_LOST * count:
        refusals.append(f"{lost:,} of {count:,} items could not be found any more")
    return replace(
        work.report(),
        request=request,
        before=EncoderFigures.of(record, _speed_before(engine, record)),
        after=EncoderFigures.of(wanted, images_per_second(engine, record, encoder)),
        already_encoded=count - lacking,
        verdict=verdict,
        refusals=refusals,
    )


def _speed_before(engine: SearchEngine, record: Collection) -> float | None:
    try:
        encoder = open_encoder(record, engine.settings, engine.catalog)
    except EyedexError:  # a reason to change it
        return None
    return images_per_second(engine, record, encoder)


def _forget_trials(engine: SearchEngine, record: Collection, wanted: Collection) -> None:
    """Delete embeddings by encoders that were tried before and not taken."""
    catalog = engine.catalog
    kept = [wanted.fingerprint or ""]
    for each in (record, catalog.former(record)):
        kept += fingerprints(catalog, each)
    with catalog.write() as writer:
        writer.keep_vectors_of(record.id, kept)


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
