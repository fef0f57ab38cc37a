"""Batches of embedded pictures, each made durable in one transaction."""

from collections.abc import Mapping, Sequence

import numpy as np

from indexer.executors.base import Embedded, Outcome, Refused
from indexer.plan import HashedRow
from indexer.run_context import Run
from search_engine.catalog.writer import CatalogWriter, ItemDraft
from search_engine.collections.pictures import kept_pictures
from search_engine.encoders.projection import base_of
from search_engine.errors import ImageError, WorkerLostError
from search_engine.images import read_file
from search_engine.storage.faults import fault_point

Pair = tuple[HashedRow, Embedded]


def commit_batch(run: Run, batch: Sequence[tuple[HashedRow, Outcome]]) -> None:
    """Refuse what has no embedding, and make the rest durable."""
    embedded: list[Pair] = []
    for hashed, outcome in batch:
        if isinstance(outcome, Refused):
            run.take_back(hashed, outcome.code, outcome.what)
        else:
            run.report.warn(outcome.warnings)
            embedded.append((hashed, outcome))
    if not embedded:
        return
    fault_point("embedded")
    with run.report.stage("commit"):
        count = _commit(run, embedded)
    run.report.encoded += count
    run.on_progress(count)


def _commit(run: Run, batch: Sequence[Pair]) -> int:
    """Make a batch durable; says how many of it."""
    kept: Sequence[bytes | ImageError | WorkerLostError | None] = [None] * len(batch)
    if run.keep_pictures:
        kept = _kept(run, [hashed for hashed, _ in batch])
    stored = [
        (pair, jpeg)
        for pair, jpeg in zip(batch, kept, strict=True)
        if not isinstance(jpeg, Exception)
    ]
    drafts = [_draft(run, pair, jpeg) for pair, jpeg in stored]
    with run.catalog.write() as writer:
        if drafts and run.collection.fingerprint is None and not run.report.encoded:
            bind_encoder(run, writer)
        keys = writer.put(run.collection.id, run.encoder.spec.fingerprint, drafts)
        _put_below(run, writer, dict(zip(keys, (pair[1] for pair, _ in stored), strict=True)))
        fault_point("before_commit")
    fault_point("after_commit")
    for (hashed, _), jpeg in zip(batch, kept, strict=True):
        if isinstance(jpeg, Exception):
            run.take_back(hashed, jpeg.code, jpeg.what)
    return len(drafts)


def bind_encoder(run: Run, writer: CatalogWriter) -> None:
    """Bind the collection to the encoder of the run.

    A new one with the first items: a source that is refused as a whole decides nothing.
    """
    spec = run.encoder.spec
    writer.set_encoder(
        run.collection.id, spec.name, run.encoder_options, spec.fingerprint, spec.dimension
    )


def _draft(run: Run, pair: Pair, jpeg: bytes | None) -> ItemDraft:
    hashed, found = pair
    return ItemDraft(
        item_id=hashed.row.item_id,
        content_hash=hashed.content_hash,
        vector=found.vector,
        label=hashed.row.label,
        product_id=hashed.row.product_id,
        attributes=hashed.row.attributes,
        picture=None if run.keep_pictures else str(hashed.row.image),
        jpeg=jpeg,
        source=run.source,
        colors=found.colors,
        picture_hash=found.picture_hash,
    )


def _put_below(run: Run, writer: CatalogWriter, found: Mapping[int, Embedded]) -> None:
    """Store the embeddings by the encoder below, where there is one."""
    base = base_of(run.encoder)
    below = {key: each.below for key, each in found.items() if each.below is not None}
    if base is not None and below:
        writer.add_vectors(base.spec.fingerprint, [*below], np.stack([*below.values()]))


def _kept(run: Run, rows: list[HashedRow]) -> list[bytes | ImageError | WorkerLostError]:
    """The pictures as the catalog keeps them.

    They are read again, as files of all batches that wait would be too much to hold.
    """
    files: list[bytes] = []
    gone: dict[int, ImageError] = {}
    for number, hashed in enumerate(rows):
        try:
            files.append(read_file(hashed.row.file, run.max_bytes))
        except ImageError as error:
            gone[number] = error
    rendered = iter(kept_pictures(run.decoder, files))
    return [gone[n] if n in gone else next(rendered) for n in range(len(rows))]
