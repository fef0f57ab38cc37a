"""The steps of every change of encoder. The caller holds the collection's run lock."""

import time
from dataclasses import dataclass, field

from indexer.change.candidate import Judgement
from indexer.change.changeover import clear_up, exchange, fingerprints, prepared_index
from indexer.change.embedding import Embedded, MakeEncoder, embed_missing
from indexer.change.judging import compare_encoders
from indexer.change.report import EncoderFigures, Refusal, Report
from indexer.change.request import Advance, ChangeRequest, Say, Stage
from indexer.encoding_speed import images_per_second
from search_engine.catalog.collection_rows import Collection
from search_engine.collections.encoders import open_encoder
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError
from search_engine.indexes.live import COMPACT_FRACTION
from search_engine.things import FOLDS
from search_engine.vote.calibration.collection import calibrate_ahead
from search_engine.vote.calibration.store import load_calibration

MOST_LOST = 0.05
"""Refuse a change if searches would lose more than this share of the items; most likely a disk is
not mounted."""


@dataclass(slots=True)
class Work:
    """A collection as it is and as it is `wanted`; each step fills in its part of the report."""

    engine: SearchEngine
    record: Collection
    wanted: Collection
    make: MakeEncoder
    stage: Stage
    report: Report = field(init=False)
    _embedded: Embedded = field(default_factory=Embedded)

    def __post_init__(self) -> None:
        engine, record = self.engine, self.record
        self.report = Report(
            EncoderFigures.of(record),
            EncoderFigures.of(self.wanted),
            items=engine.catalog.count(record),
            outdated=[
                {"name": one.name, "target": one.origin.target}
                for one in (each.description for each in engine.classifiers(collection=record.name))
                if one.origin.fingerprint == record.fingerprint
            ],
        )

    def lacking(self) -> int:
        """Count the items without an embedding by the wanted encoder."""
        return len(self.engine.catalog.keys_without(self.record, self.wanted.fingerprint or ""))

    def embed(self) -> None:
        """Make the missing embeddings beside those in use."""
        with self.stage("encoding", self.lacking()) as advance:
            self._embed_missing(advance)
        self._count()

    def judge(self, request: ChangeRequest, say: Say) -> Judgement:
        """Make the missing embeddings, and compare the wanted encoder with the one in use."""
        self._forget_trials()
        report, lacking = self.report, self.lacking()
        report.already_encoded = report.items - lacking
        if lacking == 0:
            say(f"all {report.items:,} items have their embedding already")
        elif report.already_encoded:
            say(
                f"{report.already_encoded:,} of {report.items:,} items have their embedding "
                "already: going on there"
            )
        self.embed()
        with self.stage("comparing", FOLDS) as advance:
            verdict = compare_encoders(self.engine, self.record, self.wanted, request, advance)
        self._measure_speed()
        changes = verdict.changes if verdict else {}
        refusals = []
        if worse := [name for name, change in changes.items() if change.is_worse]:
            said = f"worse in {', '.join(worse)}"
            refusals.append(Refusal("worse", said, {"measures": worse}))
        if self.loses_too_many:
            said = f"{self.lost:,} of {report.items:,} items could not be found any more"
            refusals.append(Refusal("lost", said, {"lost": self.lost, "items": report.items}))
        return Judgement(verdict, refusals)

    @property
    def lost(self) -> int:
        """The number of items that searches find now and would lose."""
        known = self.engine.catalog.unsearchable(self.record)
        return len(self._embedded.refused.keys() - known.keys())

    @property
    def loses_too_many(self) -> bool:
        """Whether searches would lose more than `MOST_LOST` of the items."""
        return self.lost > MOST_LOST * self.report.items

    def change_over(self, most_changed: float = COMPACT_FRACTION) -> None:
        """Switch the collection to the wanted encoder, and store what that encoder learned.

        An existing index of the encoder is reused if at most the share `most_changed` of it is
        outdated.

        Raises:
            StorageError: Something could not be written; the collection is as it was.
        """
        engine, record, wanted = self.engine, self.record, self.wanted
        with self.stage("preparing the index", 1):
            seq = engine.catalog.seq()
            self._embed_missing()
            name = prepared_index(engine, wanted, self._embedded, seq, most_changed)
            if wanted.fingerprint != record.fingerprint:
                request = self.report.request
                group_by = None if request is None else request.group_by
                self.report.uncalibrated = calibrate_ahead(engine.catalog, wanted, group_by)
                if request is not None:
                    self.report.calibrated = load_calibration(
                        engine.catalog, wanted, request.target
                    )
            started = time.perf_counter()
            while not exchange(engine, record, wanted, self._embedded, seq):
                since, seq = seq, engine.catalog.seq()
                self._embed_missing(since=since)
            engine.reopen(wanted.name)
            clear_up(engine, wanted, name)
        self.report.changed, self.report.changeover_s = True, time.perf_counter() - started
        self._count()

    def _embed_missing(
        self, advance: Advance = lambda count: None, since: int | None = None
    ) -> None:
        embed_missing(self.engine, self.wanted, self.make, self._embedded, advance, since)

    def _count(self) -> None:
        refused = self._embedded.refused
        items = self.engine.catalog.by_keys(sorted(refused))
        self.report.encoded = self._embedded.count
        self.report.unsearchable = {one.item_id: refused[key] for key, one in sorted(items.items())}

    def _measure_speed(self) -> None:
        engine, record = self.engine, self.record
        try:
            before = open_encoder(record, engine.settings, engine.catalog)
            speed = images_per_second(engine, record, before)
        except EyedexError:  # a reason to change it
            speed = None
        self.report.before = EncoderFigures.of(record, speed)
        after = images_per_second(engine, record, self.make())
        self.report.after = EncoderFigures.of(self.wanted, after)

    def _forget_trials(self) -> None:
        """Delete embeddings by encoders that were tried before and not accepted."""
        catalog = self.engine.catalog
        kept = [self.wanted.fingerprint or ""]
        for each in (self.record, catalog.former(self.record)):
            kept += fingerprints(catalog, each)
        with catalog.write() as writer:
            writer.keep_vectors_of(self.record.id, kept)
