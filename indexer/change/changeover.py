"""Switch a collection to another encoder in one transaction, while it is being searched.

The new embeddings (`embedding`), index and calibrations are made beside those in use, so each query
is answered entirely by one encoder. After an interruption the next run reuses what was made. The
previous encoder is kept with its embeddings and index until the next change.
"""

from contextlib import suppress

import numpy as np

from indexer.change.embedding import Embedded
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.catalog.tables import LEARNED
from search_engine.collections.encoders import judged, projection_of
from search_engine.collections.publishing import publish_index
from search_engine.engine import SearchEngine
from search_engine.errors import CorruptDataError
from search_engine.indexes import generations as generation
from search_engine.storage.faults import fault_point
from search_engine.vote.calibration.store import forget_calibrations


def fingerprints(catalog: Catalog, record: Collection | None) -> list[str]:
    """Return the fingerprints of a collection's encoder and, if that is tuned, of those below."""
    if record is None or record.fingerprint is None:
        return []
    with suppress(CorruptDataError):
        projection = projection_of(catalog, record.encoder_options)
        if projection is not None:
            judges = [each.fingerprint for each in judged(record, projection)]
            below = projection.origin.fingerprint, *judges
            return [record.fingerprint, *filter(None, below)]
    return [record.fingerprint]


def prepared_index(
    engine: SearchEngine, wanted: Collection, embedded: Embedded, seq: int, most_changed: float
) -> str:
    """Return a generation for the new encoder: an existing one if recent enough, or a new one."""
    folder = engine.catalog.paths.index(wanted.name)
    found = generation.find(folder, wanted.uid, wanted.fingerprint or "")
    if found is not None and found[1].seq <= engine.catalog.seq():
        name, manifest = found
        indexed = generation.read_keys(folder / name)
        keys = engine.catalog.keys(wanted, until=manifest.seq)
        keys = keys[~np.isin(keys, np.array([*embedded.refused], dtype=np.int64))]
        newer = engine.catalog.count(wanted) - len(embedded.refused) - len(keys)
        changed = newer + len(indexed) - len(keys)
        if np.isin(keys, indexed).all() and changed <= most_changed * len(indexed):
            return name
    return publish_index(engine.catalog, engine.settings, wanted, until=seq)


def exchange(
    engine: SearchEngine, record: Collection, wanted: Collection, embedded: Embedded, seq: int
) -> bool:
    """Bind the collection to the new encoder, in one transaction.

    Only the previous encoder keeps its data; that of all others is deleted.

    Returns:
        False, with nothing changed, if items added after `seq` still lack an embedding.
    """
    catalog, fingerprint = engine.catalog, wanted.fingerprint or ""
    former = catalog.former(record)
    is_back = former is not None and former.fingerprint == fingerprint
    learned = [] if is_back else [str(wanted.encoder_options[each]) for each in _learned(wanted)]
    data = {sha256: catalog.learned(sha256) for sha256 in learned}
    kept = fingerprints(catalog, wanted)
    kept += fingerprints(catalog, former if record.fingerprint == fingerprint else record)
    with catalog.write() as writer:  # nobody else adds items from here on
        if len(catalog.keys_without(wanted, fingerprint, seq)):
            return False
        for sha256 in learned:
            writer.keep_learned(sha256, data[sha256])  # others delete unused data
        writer.change_encoder(
            wanted.id,
            wanted.encoder or "",
            wanted.encoder_options,
            fingerprint,
            wanted.dimension or 0,
        )
        writer.note_unsearchable(wanted.id, fingerprint, embedded.refused)
        if not is_back:
            writer.keep_vectors_of(wanted.id, kept)
        fault_point("encoder_before_change")
    fault_point("encoder_changed")
    return True


def _learned(record: Collection) -> list[str]:
    """Return the options of a collection's encoder that name data learned from the catalog."""
    return [option for option in LEARNED if option in record.encoder_options]


def clear_up(engine: SearchEngine, wanted: Collection, name: str) -> None:
    """Make the index in use the current one, and delete what neither encoder needs."""
    former = engine.catalog.former(wanted)
    folder = engine.catalog.paths.index(wanted.name)
    generation.settle(folder, name)
    spared = [former.fingerprint or ""] if former else []
    for each in (folder, engine.catalog.paths.patches(wanted.name)):
        generation.collect(each, wanted.fingerprint or "", spared)
    forget_calibrations(engine.catalog.paths, wanted, [wanted.fingerprint or "", *spared])
