"""Learn from the labels of a collection at the end of an indexing run, without being asked.

A note beside a collection's index records that it learns by itself, which encoder the last learning
left, and what that learned from. If the collection has another encoder now, somebody chose it (by
`tune`, `switch` or their undoing), and it is kept.
"""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import func, select

from indexer.change.candidate import Candidate, indexed
from indexer.change.changeover import fingerprints
from indexer.change.preparation import POOLING, Preparation, labelled_only, plain_options
from indexer.change.report import Report
from indexer.change.request import ChangeRequest, Stage, without_progress
from indexer.change.sequence import change_encoder
from indexer.change.tune import LAYERS_UP_TO, Base, Lesson, learned
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.catalog.tables import items
from search_engine.collections.encoders import NETWORK, encoder_request
from search_engine.encoders.layered import LayeredEncoder
from search_engine.encoders.poolings import MULTI
from search_engine.encoders.registry import can_have_layers, create_with_layers
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.evaluate.splits import with_vectors
from search_engine.linear_algebra import threads_for
from search_engine.storage.durable import replace_synced

LEAST_LABELLED = 200
"""Labelled items from which on learning is tried. By 50, drawn twice each from clothing and
groceries, the accuracy on validation photos changes by -0.04 to +0.04, by 100 it rises by 0.01 to
0.10, by 200 by 0.01 to 0.07, by 400 by 0.03 to 0.17; mAP rises by 0.15 or more from 200 on."""
MOVED_SHARE = 0.2
"""Learn again when so many items, as a share of those labelled, have come, gone or changed."""
SHRINKAGE = 0.1
NEVER = -1


class Note(BaseModel):
    """Records that a collection learns by itself.

    `seq` and `labelled` are those of the last learning, or `NEVER`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    collection_uid: str
    fingerprint: str
    seq: int = NEVER
    labelled: int = 0


def read_note(catalog: Catalog, record: Collection) -> Note | None:
    """Return the note of a collection, if it still holds."""
    with suppress(OSError, ValidationError):
        note = Note.model_validate_json(_file(catalog, record).read_bytes())
        if (note.collection_uid, note.fingerprint) == (record.uid, record.fingerprint):
            return note
    return None


def write_note(catalog: Catalog, record: Collection, note: Note) -> None:
    """Keep a note."""
    path = _file(catalog, record)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_synced(path, note.model_dump_json().encode())


def is_due(catalog: Catalog, record: Collection) -> bool:
    """Return whether a collection should learn from its labels now."""
    note = read_note(catalog, record)
    if note is None or catalog.count(record) > LAYERS_UP_TO or NETWORK in record.encoder_options:
        return False
    labels = catalog.labels(record)
    if len(labels) < 2 or sum(each.count for each in labels) < LEAST_LABELLED:
        return False
    if note.seq == NEVER:
        return True
    changed = select(func.count()).where(items.c.collection_id == record.id, items.c.seq > note.seq)
    with catalog.read() as connection:
        return bool(connection.execute(changed).scalar_one() > MOVED_SHARE * max(note.labelled, 1))


def learn_from_labels(
    engine: SearchEngine,
    collection: str,
    layered: LayeredEncoder | None = None,
    stage: Stage = without_progress,
) -> Report | None:
    """Learn as `tune` does, from features of several layers, and use it if it is better.

    Args:
        engine: On the data directory.
        collection: Its name.
        layered: The plain encoder of the collection with several layers beside; None loads it.
        stage: Begins a stage of the work.

    Returns:
        What was learned; None if the plain encoder cannot be had with several layers any more, or
        if too few items have an embedding.
    """
    request, catalog = ChangeRequest(), engine.catalog
    options = plain_options(catalog, indexed(engine, collection))
    layered = layered or _layered(engine, collection, options)
    if layered is None:
        return None
    preparation = Preparation(engine, collection, request, stage)
    plain = Candidate(layered, options)

    def prepare() -> Candidate:
        found, codes, _ = labelled_only(preparation.gallery(layered.base))
        base = Base(Candidate(layered.base, {**options, POOLING: MULTI}), found.vectors)
        gallery = with_vectors(found, layered.project(found.vectors))
        return learned(Lesson(plain, gallery, codes, [base], (SHRINKAGE,)), request, stage)

    report = None
    count = engine.catalog.count(engine.catalog.collection(collection))
    # fewer products or scenes than folds are no error
    with suppress(ParameterError), threads_for(count**2 * layered.spec.dimension):
        report = change_encoder(engine, collection, prepare, request, stage)
    record = indexed(engine, collection)
    if report is None or not report.changed:
        kept = fingerprints(catalog, record) + fingerprints(catalog, catalog.former(record))
        with catalog.write() as writer:
            writer.keep_vectors_of(record.id, kept)
    write_note(catalog, record, _note(catalog, record))
    return report


def _note(catalog: Catalog, record: Collection) -> Note:
    """Return the note of a collection that has learned just now."""
    return Note(
        collection_uid=record.uid,
        fingerprint=record.fingerprint or "",
        seq=catalog.seq(),
        labelled=sum(each.count for each in catalog.labels(record)),
    )


def _layered(
    engine: SearchEngine, collection: str, options: dict[str, str]
) -> LayeredEncoder | None:
    record = replace(engine.catalog.collection(collection), encoder_options=options)
    request = encoder_request(record, engine.settings, engine.catalog)
    return create_with_layers(request) if can_have_layers(request) else None


def _file(catalog: Catalog, record: Collection) -> Path:
    return catalog.paths.index(record.name) / "learning.json"
