"""What the machine allows an indexing run: decoding, encoding, committing and copying, each alone.

A run decodes and encodes every picture once, so it cannot be faster than all cores would be that
did nothing else. Decoding and encoding are measured with all cores at work, by the processor time
that a picture takes and by the pictures that get through in a second. `benchmarks.ingest` measures
them in turn with whole runs.
"""

import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from search_engine.catalog.store import Catalog
from search_engine.catalog.writer import ItemDraft
from search_engine.encoders.base import Encoder, EncoderSpec, unit_rows
from search_engine.images import (
    CATALOG_FORMATS,
    ImageLimits,
    Preprocessing,
    colored,
    decode_pixels,
)
from search_engine.images.decode_pool import DecodePool
from search_engine.images.decoder import PICTURES_A_CALL
from search_engine.records import Pixels
from search_engine.storage.paths import DataPaths

BATCHES_COMMITTED = 10
COPIED_BYTES = 2**29
LIMITS = ImageLimits(formats=CATALOG_FORMATS)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a stage costs: seconds of one core a picture, and pictures a second of all cores."""

    core_s: float
    per_second: float


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def ingest_limit(cores: int, decoding: Cost, encoding: Cost) -> float:
    """Pictures a second of cores that do nothing but decode and encode, and never wait."""
    return cores / (decoding.core_s + encoding.core_s)


def clock_limit(decoding: Cost, encoding: Cost) -> float:
    """Pictures a second of all cores that decode and then encode, each as fast as it was alone.

    By the clock, so that other work on the machine slows the limit as it slows a run.
    """
    return 1 / (1 / decoding.per_second + 1 / encoding.per_second)


class DecodingAlone:
    """`decode_pixels` in a process for each core, all at once; the files are read before."""

    def __init__(self, photos: Sequence[Path], preprocessing: Preprocessing) -> None:
        self.costs: list[Cost] = []
        self._shares = [list(photos[start :: cores()]) for start in range(cores())]
        self._preprocessing = preprocessing
        context = multiprocessing.get_context("spawn")
        self._processes = ProcessPoolExecutor(cores(), context)

    def measure(self) -> float:
        """Pictures a second of one pass; its cost is kept."""
        started = [
            self._processes.submit(decode_share, share, self._preprocessing)
            for share in self._shares
        ]
        taken = [each.result() for each in started]
        pictures = sum(map(len, self._shares))
        core_s, wall_s = sum(core for core, _ in taken), max(wall for _, wall in taken)
        self.costs.append(Cost(core_s / pictures, pictures / wall_s))
        return self.costs[-1].per_second

    def __enter__(self) -> Self:
        """Starts the processes."""
        self.measure()
        self.costs.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.shutdown()


def decode_share(photos: Sequence[Path], preprocessing: Preprocessing) -> tuple[float, float]:
    """Processor seconds and wall seconds of decoding these files."""
    contents = [photo.read_bytes() for photo in photos]
    core_s, wall_s = time.process_time(), time.perf_counter()
    for content in contents:
        decode_pixels(content, preprocessing, LIMITS)
    return time.process_time() - core_s, time.perf_counter() - wall_s


def coloring_ms(photos: Sequence[Path], preprocessing: Preprocessing) -> float:
    """Milliseconds of a core that a photo's colours and shape take, as many at a time as in a run.

    They are no part of `ingest_limit`.
    """
    sampled = [
        decode_pixels(photo.read_bytes(), preprocessing, LIMITS, sampled=True) for photo in photos
    ]
    started = time.process_time()
    for start in range(0, len(sampled), PICTURES_A_CALL):
        colored(sampled[start : start + PICTURES_A_CALL])
    return 1_000 * (time.process_time() - started) / len(sampled)


def starting_ms() -> float:
    """Milliseconds of a core until a decoding process of this program decodes."""
    with DecodePool(LIMITS, 1) as pool:
        pool.check()
        figures = Path(f"/proc/{pool.pids[0]}/stat").read_text().rpartition(")")[2].split()
        return 1_000 * sum(map(int, figures[11:13])) / os.sysconf("SC_CLK_TCK")


class EncodingAlone:
    """The encoder on pictures that are decoded already, batch by batch."""

    def __init__(self, encoder: Encoder, photos: Sequence[Path], batch_size: int) -> None:
        self.costs: list[Cost] = []
        self._encoder = encoder
        self._batches = [
            decoded(photos[start : start + batch_size], encoder.spec.preprocessing)
            for start in range(0, len(photos), batch_size)
        ]
        encoder.encode(self._batches[0])

    def measure(self) -> float:
        """Pictures a second of one pass; its cost is kept."""
        core_s, wall_s = time.process_time(), time.perf_counter()
        for batch in self._batches:
            self._encoder.encode(batch)
        core_s, wall_s = time.process_time() - core_s, time.perf_counter() - wall_s
        pictures = sum(map(len, self._batches))
        self.costs.append(Cost(core_s / pictures, pictures / wall_s))
        return self.costs[-1].per_second


def decoded(photos: Sequence[Path], preprocessing: Preprocessing) -> Pixels:
    """Pixels (N, size_px, size_px, 3), uint8, as an indexing run decodes them."""
    return np.stack(
        [decode_pixels(photo.read_bytes(), preprocessing, LIMITS).pixels for photo in photos]
    )


class CommittingAlone:
    """The catalog's writer, a transaction a batch as in an indexing run."""

    def __init__(self, data: Path, spec: EncoderSpec, batch_size: int) -> None:
        self._data, self._spec, self._batch_size = data, spec, batch_size
        shape = (BATCHES_COMMITTED * batch_size, spec.dimension)
        vectors = unit_rows(np.random.default_rng(0).normal(size=shape).astype(np.float32))
        self._drafts = [
            ItemDraft(f"photos/{number}.jpg", f"{number:064x}", vector, picture=f"/{number}.jpg")
            for number, vector in enumerate(vectors)
        ]
        self._passes = 0

    def measure(self) -> float:
        """Items a second that are stored durably, in an empty collection."""
        name = f"pass-{self._passes}"
        self._passes += 1
        with Catalog(DataPaths(self._data)) as catalog:
            with catalog.write() as writer:
                writer.create_collection(name)
            collection, spec = catalog.collection(name), self._spec
            with catalog.write() as writer:
                writer.set_encoder(collection.id, spec.name, {}, spec.fingerprint, spec.dimension)
            started = time.perf_counter()
            for start in range(0, len(self._drafts), self._batch_size):
                with catalog.write() as writer:
                    drafts = self._drafts[start : start + self._batch_size]
                    writer.put(collection.id, spec.fingerprint, drafts)
            return len(self._drafts) / (time.perf_counter() - started)


def copied_gb_per_second() -> float:
    """How fast all cores together copy memory; each byte is read once and written once."""
    share = COPIED_BYTES // cores()
    sources = [np.ones(share, dtype=np.uint8) for _ in range(cores())]
    targets = [np.ones(share, dtype=np.uint8) for _ in range(cores())]
    with ThreadPoolExecutor(cores()) as threads:
        started = time.perf_counter()
        list(threads.map(np.copyto, targets, sources))
        return share * cores() / (time.perf_counter() - started) / 1e9
