"""Another encoder for a collection by its name: encode, compare, take it unless it is worse; undo.

All pictures are encoded by the new encoder beside the embeddings that are there. Then items that
have a label ask the others by both (`gate`).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from indexer.change.adapted import PROJECTION, Stage, in_silence
from indexer.change.embedding import MOST_LOST, Switch, embed
from indexer.change.gate import judge_encoders
from indexer.change.swap import fingerprints, switch_locked, with_encoder
from indexer.change.undo import DOING, Side, indexed, side_of
from indexer.encoding_speed import images_per_second
from search_engine.adapt.gate import Verdict
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.fields import check_field
from search_engine.collections.encoders import open_encoder
from search_engine.encoders.base import Encoder
from search_engine.encoders.external import refuse_pictures
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError
from search_engine.things import FOLDS
from search_engine.vote.calibration.collection import refresh_label

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SwitchRequest:
    """Which encoder, and how: by which labels to compare; `force` takes what is found worse,
    `dry_run` encodes and compares only."""

    encoder: EncoderRequest
    target: str = "label"
    force: bool = False
    dry_run: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Switched:
    """What was found, and what became of it; `switch` is None when nothing was changed.

    `verdict` is None where there are too few labels to compare by. `refusals` say why the new
    encoder is not taken. `there` counts the items of an earlier run's embeddings. `lost` are the
    items without an embedding by the new encoder, with the code of the reason, by item id.
    `outdated` names the classifiers that were trained for the encoder before.
    """

    before: Side
    after: Side
    items: int
    there: int
    verdict: Verdict | None
    refusals: Sequence[str] = ()
    lost: dict[str, str] = field(default_factory=dict)
    outdated: Sequence[str] = ()
    tuned_before: bool = False
    switch: Switch | None = None
    seconds: float = 0.0

    @property
    def is_same(self) -> bool:
        """Whether the collection had this encoder already."""
        return self.before.fingerprint == self.after.fingerprint


def change_encoder(
    engine: SearchEngine,
    collection: str,
    request: SwitchRequest,
    stage: Stage = in_silence,
    say: Say = lambda line: None,
) -> Switched:
    """Encode a collection by another encoder, and let it have that one if it is not worse.

    Where too few items are labelled to tell, it is taken: whoever named it wants it, and
    `former_encoder.go_back` undoes it. Interrupted, it goes on where it stopped; refused, what was
    encoded stays until another encoder is tried.

    Args:
        engine: On the data directory.
        collection: Which.
        request: To what, and how.
        stage: Tells how far it is.
        say: Takes lines for people.

    Raises:
        ParameterError: Nothing is indexed, or there is no such target.
        EncoderError: There is no such encoder, or its weights are not here.
        ExternalEncoderError: Its embeddings are made elsewhere.
        LockHeldError: Another process is indexing the collection.
        StorageError: Something could not be written; the collection is as it was.
    """
    started = time.perf_counter()
    check_field(engine.catalog, engine.catalog.collection(collection), request.target, "target")
    encoder = refuse_pictures(create_encoder(request.encoder))
    with engine.catalog.indexing(collection, DOING):
        record = indexed(engine, collection)
        wanted = with_encoder(record, encoder, request.encoder.options)
        count = engine.catalog.count(record)
        sides = side_of(record), side_of(wanted)
        if wanted.fingerprint == record.fingerprint:
            return Switched(*sides, count, count, None)
        done = Switch(encoder.spec.fingerprint)
        there = _encode(engine, record, wanted, encoder, done, stage, say)
        with stage("comparing", FOLDS) as advance:
            verdict = judge_encoders(engine, record, wanted, request.target, request.seed, advance)
        refusals = _refusals(engine, record, done, count, verdict)
        outdated = [one.description.name for one in engine.classifiers(collection=collection)]
        sides = _timed_sides(engine, record, wanted, encoder)
        switch = None
        if not request.dry_run and (request.force or not refusals):
            with stage("preparing the index", 1) as advance:
                switch = switch_locked(engine, wanted, lambda: encoder, done)
            refresh_label(engine.catalog, collection)
    items = engine.catalog.by_keys(sorted(done.refused))
    return Switched(
        *sides,
        items=count,
        there=there,
        verdict=verdict,
        refusals=refusals,
        lost={item.item_id: done.refused[key] for key, item in sorted(items.items())},
        outdated=outdated,
        tuned_before=PROJECTION in record.encoder_options,
        switch=switch,
        seconds=time.perf_counter() - started,
    )


def _encode(
    engine: SearchEngine,
    record: Collection,
    wanted: Collection,
    encoder: Encoder,
    done: Switch,
    stage: Stage,
    say: Say,
) -> int:
    """Make the embeddings that are missing.

    Returns:
        How many were there already.
    """
    _forget_trials(engine, record, wanted)
    count = engine.catalog.count(record)
    lacking = len(engine.catalog.keys_without(record, wanted.fingerprint or ""))
    if lacking == 0:
        say(f"all {count:,} items have their embedding already")
    elif lacking < count:
        say(f"{count - lacking:,} of {count:,} items have their embedding already: going on there")
    with stage("encoding", lacking) as advance:
        embed(engine, record, encoder, done, advance)
    return count - lacking


def _forget_trials(engine: SearchEngine, record: Collection, wanted: Collection) -> None:
    """Delete embeddings by encoders that were tried before and not taken."""
    catalog = engine.catalog
    kept = [wanted.fingerprint or ""]
    for each in (record, catalog.former(record)):
        kept += fingerprints(catalog, each)
    with catalog.write() as writer:
        writer.keep_vectors_of(record.id, kept)


def _refusals(
    engine: SearchEngine, record: Collection, done: Switch, count: int, verdict: Verdict | None
) -> list[str]:
    refusals = []
    if verdict is not None:
        worse = [name for name, change in verdict.changes.items() if change.is_worse]
        if worse:
            refusals.append(f"worse in {', '.join(worse)}")
    lost = len(done.refused.keys() - engine.catalog.unsearchable(record).keys())
    if lost > MOST_LOST * count:
        refusals.append(f"{lost:,} of {count:,} items could not be found any more")
    return refusals


def _timed_sides(
    engine: SearchEngine, record: Collection, wanted: Collection, encoder: Encoder
) -> tuple[Side, Side]:
    try:
        now = open_encoder(record, engine.settings, engine.catalog)
    except EyedexError:  # a reason to change it
        speeds = [None, images_per_second(engine, record, encoder)]
    else:
        speeds = [images_per_second(engine, record, each) for each in (now, encoder)]
    before, after = (
        Side(each.name, each.fingerprint, each.dimension, speed)
        for each, speed in zip((side_of(record), side_of(wanted)), speeds, strict=True)
    )
    return before, after
