"""What an index must take over to be at the catalog's last change, read in parts."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, and_, select

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.tables import LIVE, embeddings, items, sequence
from search_engine.catalog.vectors import is_sound, unpack
from search_engine.records import Keys

log = logging.getLogger(__name__)

VECTORS_A_READ = 4_096
NAMED = 10
"""Items with damaged embeddings that one line of the log names."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What an index must take over to be at `seq`: new or changed vectors, and removed keys."""

    seq: int
    keys: Keys
    vectors: NDArray[np.float16]
    removed: Keys


def changes_in(connection: Connection, collection: Collection, seq: int) -> Changes:
    """As `Catalog.changes_since`, in the view of a connection."""
    now = int(connection.execute(select(sequence.c.value)).scalar_one())
    changed = and_(items.c.collection_id == collection.id, items.c.index_seq > seq)
    gone = select(items.c.key).where(changed, items.c.removed.is_(True))
    removed = np.fromiter(connection.execute(gone).scalars(), dtype=np.int64)
    if seq < 0:
        changed = items.c.collection_id == collection.id
    keys, vectors = _read_vectors(connection, collection, changed)
    if seq >= 0:
        left = select(items.c.key).where(changed, LIVE)
        live = np.fromiter(connection.execute(left).scalars(), dtype=np.int64)
        removed = np.concatenate([removed, live[~np.isin(live, keys)]])
    return Changes(now, keys, vectors, np.sort(removed))


def newer_in(connection: Connection, collection: Collection, seq: int) -> Keys:
    """As `Catalog.newer`, in the view of a connection."""
    changed = and_(items.c.collection_id == collection.id, items.c.index_seq > seq)
    return np.fromiter(
        connection.execute(select(items.c.key).where(changed)).scalars(), dtype=np.int64
    )


def _read_vectors(
    connection: Connection, collection: Collection, condition: ColumnElement[bool]
) -> tuple[Keys, NDArray[np.float16]]:
    """Keys and vectors of live items, by key, read in parts so that no copy is ever large.

    Damaged embeddings are left out and logged: the other items stay searchable.
    """
    dimension = collection.dimension or 0
    query = (
        select(items.c.key, items.c.item_id, embeddings.c.vector, embeddings.c.crc32)
        .join(embeddings, embeddings.c.key == items.c.key)
        .where(condition, LIVE)
        .where(embeddings.c.fingerprint == collection.fingerprint)
        .order_by(items.c.key)
    )
    keys: list[int] = []
    parts = [np.empty((0, dimension), dtype=np.float16)]
    for rows in connection.execution_options(yield_per=VECTORS_A_READ).execute(query).partitions():
        sound = [row for row in rows if is_sound(row.vector, row.crc32, dimension, row.key)]
        if len(sound) < len(rows):
            damaged = sorted({row.item_id for row in rows} - {row.item_id for row in sound})
            shown, more = ", ".join(map(repr, damaged[:NAMED])), len(damaged) - NAMED
            rest = f" and {more:,} more; `eyedex check` names all" if more > 0 else ""
            log.error("damaged embeddings, not searchable: %s%s", shown, rest)
        keys.extend(row.key for row in sound)
        parts.append(unpack([row.vector for row in sound], dimension))
    return np.array(keys, dtype=np.int64), np.concatenate(parts)
