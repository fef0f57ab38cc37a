"""Batches of pictures: decoded ahead, encoded by a second thread, each committed at once.

While one batch is encoded the one before is committed, and decoding goes on.
"""

from concurrent.futures import Executor, Future
from dataclasses import dataclass

from indexer.decode_window import DecodeWindow
from indexer.embed import NO_EMBEDDING
from indexer.plan import HashedRow
from indexer.run_context import Run
from search_engine.catalog.writer import ItemDraft
from search_engine.collections.pictures import kept_pictures
from search_engine.encoders.projection import base_of, encode_both
from search_engine.errors import ImageError, NoEmbeddingError, WorkerLostError
from search_engine.images import DecodedImage, PictureColors, read_file
from search_engine.records import Vectors
from search_engine.storage.faults import fault_point

WINDOW_BATCHES = 3


@dataclass(slots=True)
class _Encoded:
    """A batch with its embeddings, and colours and hashes of its pictures; `refused` have none.

    `below` are the embeddings by the encoder below, to learn from; None where there is none.
    """

    rows: list[HashedRow]
    vectors: Vectors
    below: Vectors | None
    colors: list[PictureColors | None]
    hashes: list[bytes]
    refused: list[HashedRow]


class Batches:
    """Pictures on their way from decoding to the catalog; at most two batches are being encoded."""

    def __init__(self, run: Run, encoding: Executor) -> None:
        self._run = run
        self._encoding = encoding
        self._decoding: DecodeWindow[HashedRow] = DecodeWindow(
            run.decoder,
            run.encoder.spec.preprocessing,
            run.batch_size,
            WINDOW_BATCHES,
            with_colors=True,
        )
        self._encoded: Future[_Encoded] | None = None

    def take(self, hashed: HashedRow, picture: bytes) -> None:
        """Start to decode a picture; moves a batch on when enough are waiting."""
        with self._run.report.waiting_for("decode"):
            self._decoding.put(hashed, picture)
        if self._decoding.is_full:
            self._move()

    def finish(self) -> None:
        """Move on all there is."""
        while self._decoding:
            self._move()
        self._commit()

    def _move(self) -> None:
        """Begin to encode the next batch, and commit the one before meanwhile."""
        rows, pictures = self._decoded()
        fault_point("decoded")
        following = None
        if rows:
            following = self._encoding.submit(_encode, self._run, rows, pictures)
        self._commit()
        self._encoded = following

    def _decoded(self) -> tuple[list[HashedRow], list[DecodedImage]]:
        """The rows of the next batch that can be decoded, and their pictures."""
        rows: list[HashedRow] = []
        pictures: list[DecodedImage] = []
        with self._run.report.waiting_for("decode"):
            batch = self._decoding.take()
        for hashed, outcome in batch:
            if isinstance(outcome, DecodedImage):
                rows.append(hashed)
                pictures.append(outcome)
                self._run.report.warn(outcome.warnings)
            else:
                self._run.take_back(hashed, outcome)
        return rows, pictures

    def _commit(self) -> None:
        """Wait for the batch that is being encoded, if there is one, and make it durable."""
        if self._encoded is None:
            return
        with self._run.report.waiting_for("encode"):
            batch = self._encoded.result()
        for hashed in batch.refused:
            self._run.take_back(hashed, NoEmbeddingError(NO_EMBEDDING))
        fault_point("embedded")
        with self._run.report.stage("commit"):
            count = _commit(self._run, batch)
        self._run.report.encoded += count
        self._run.on_progress(count)


def _encode(run: Run, rows: list[HashedRow], pictures: list[DecodedImage]) -> _Encoded:
    with run.report.stage("encode"):
        kept, vectors, below = encode_both(run.encoder, pictures)
    refused = sorted(set(range(len(rows))) - set(kept))
    return _Encoded(
        rows=[rows[n] for n in kept],
        vectors=vectors,
        below=below,
        colors=[pictures[n].colors for n in kept],
        hashes=[pictures[n].picture_hash for n in kept],
        refused=[rows[n] for n in refused],
    )


def _commit(run: Run, batch: _Encoded) -> int:
    """Make a batch durable; says how many of it."""
    rows = batch.rows
    kept = _kept(run, rows) if run.keep_pictures else [None] * len(rows)
    drafts = [
        ItemDraft(
            item_id=hashed.row.item_id,
            content_hash=hashed.content_hash,
            vector=vector,
            label=hashed.row.label,
            product_id=hashed.row.product_id,
            attributes=hashed.row.attributes,
            picture=None if run.keep_pictures else str(hashed.row.image),
            jpeg=jpeg,
            source=run.source,
            colors=colors,
            picture_hash=picture_hash,
        )
        for hashed, vector, colors, picture_hash, jpeg in zip(
            rows, batch.vectors, batch.colors, batch.hashes, kept, strict=True
        )
        if not isinstance(jpeg, Exception)
    ]
    with run.catalog.write() as writer:
        keys = writer.put(run.collection.id, run.encoder.spec.fingerprint, drafts)
        if (base := base_of(run.encoder)) is not None and batch.below is not None:
            usable = [not isinstance(jpeg, Exception) for jpeg in kept]
            writer.add_vectors(base.spec.fingerprint, keys, batch.below[usable])
        fault_point("before_commit")
    fault_point("after_commit")
    for hashed, jpeg in zip(rows, kept, strict=True):
        if isinstance(jpeg, Exception):
            run.take_back(hashed, jpeg)
    return len(drafts)


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
