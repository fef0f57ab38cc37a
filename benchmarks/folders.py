"""What a folder of photos costs: searched in batches, one by one by an engine, a command each.

    python -m benchmarks.folders [--json] [--count N] [--drawn] [--size S] [--runs R] [--commands C]

N items, with vectors that lie like those of photos, or are drawn at random (`--drawn`), which takes
seconds and makes no difference to an exact index; 10 neighbors of S photos of the clothing dataset,
in turns: as `eyedex search DIR --output FILE` answers them, and by `SearchEngine.search` for each,
both when network and processes are at work; and by `eyedex search PHOTO` for C of them, with the
start of each. No photo is asked about twice alike, so that no embedding is remembered. Also how far
the answers of the first two agree.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ingest import copy_photos
from benchmarks.machine import alternate, parser_of, report, spread
from benchmarks.query import K, make_catalog
from benchmarks.scale import NAME, fill
from indexer.answers.batches import AnsweredQuery, answers, searching
from indexer.answers.files import answer_file
from indexer.answers.layouts import NEIGHBORS
from indexer.answers.queries import PictureQueries, opened_pictures
from indexer.sources import Rows
from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.config import Settings
from search_engine.encoders.base import Encoder, unit_rows
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.engine import SearchEngine
from search_engine.images.decode_pool import DecodePool
from search_engine.records import SearchResult
from search_engine.search.asked import Asked
from search_engine.search.options import SearchOptions
from search_engine.storage.paths import DataPaths

OPTIONS = SearchOptions(k=K)


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--drawn", action="store_true")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--commands", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary:
        work = Path(temporary)
        photos, dataset = copy_photos(work / "photos", given.size)
        data = work / "data"
        encoder = create_encoder(EncoderRequest(DEFAULT_ENCODER, cache=DataPaths(data).encoders))
        (draw_catalog if given.drawn else make_catalog)(data, encoder, given.count)
        rows = measure(_Ways(data, photos, given.commands), given.runs)
    report(rows, given.json, dataset=dataset, items=given.count, size=given.size, k=K)


def draw_catalog(data: Path, encoder: Encoder, items: int) -> None:
    """A collection of the encoder with vectors drawn at random."""
    spec = encoder.spec
    rows = np.random.default_rng(0).normal(size=(items, spec.dimension)).astype(np.float32)
    with Catalog(DataPaths(data)) as catalog:
        fill(catalog, unit_rows(rows), encoder=spec.name, fingerprint=spec.fingerprint)
        LiveCollection(catalog, catalog.collection(NAME), Settings(data=data)).compact()


def measure(ways: "_Ways", runs: int) -> list[dict[str, Any]]:
    """A row for each way, how many times faster the batch is, and how the answers agree."""
    for measure_once in (ways.batch, ways.one_by_one):
        measure_once()
    found = alternate(
        runs,
        {
            "in batches": ways.batch,
            "one by one": ways.one_by_one,
            "a command each": ways.commands,
        },
    )
    rows: list[dict[str, Any]] = [
        {"what": f"{name}, photos/s", **spread([1 / each for each in seconds])}
        for name, seconds in found.items()
    ]
    for name in ("one by one", "a command each"):
        pairs = zip(found[name], found["in batches"], strict=True)
        rows.append(
            {"what": f"in batches, times {name}", **spread([one / many for one, many in pairs])}
        )
    return [*rows, *ways.agreement()]


class _Ways:
    """Seconds a photo, each way."""

    _asked = count()

    def __init__(self, data: Path, photos: Sequence[Path], commands: int) -> None:
        self._data = data
        self._settings = Settings(data=data)
        self._photos = photos
        self._bytes = [photo.read_bytes() for photo in photos]
        self._commands = commands
        self._warming = [photo + b" " for photo in self._bytes[:16]]

    def batch(self) -> float:
        """All in one run, into a file, by an engine and processes that are at work."""
        self._renew()
        output = self._data.with_name("found.jsonl")
        with self._opened() as (engine, source):
            ask = searching(engine, NAME, OPTIONS)
            ask([Asked(photo) for photo in self._warming])
            started = time.perf_counter()
            with answer_file(output, NEIGHBORS, overwrite=True) as file:
                for answer in answers(PictureQueries(source), ask, engine.settings.batch_size):
                    for record in NEIGHBORS.records(answer):
                        file.write(record)
            return (time.perf_counter() - started) / len(self._photos)

    def one_by_one(self) -> float:
        """One after the other, by an engine that is open."""
        self._renew()
        with SearchEngine(settings=self._settings) as engine:
            engine.search(self._warming[0], k=K, collection=NAME)
            started = time.perf_counter()
            for photo in self._photos:
                engine.search(photo, k=K, collection=NAME)
            return (time.perf_counter() - started) / len(self._photos)

    def commands(self) -> float:
        """A command for each of a few."""
        command = [sys.executable, "-m", "api.cli.main", "search", "--data", str(self._data)]
        started = time.perf_counter()
        for photo in self._photos[: self._commands]:
            asked = [*command, "--collection", NAME, "-k", str(K), "--json", str(photo)]
            subprocess.run(asked, check=True, capture_output=True)
        return (time.perf_counter() - started) / self._commands

    def agreement(self) -> Iterator[dict[str, Any]]:
        """Photos with the same neighbors in the same order; the largest difference of scores."""
        same, apart = 0, 0.0
        with self._opened() as (many, source), SearchEngine(settings=self._settings) as engine:
            ask = searching(many, NAME, OPTIONS)
            for answer in answers(PictureQueries(source), ask, many.settings.batch_size):
                assert isinstance(answer, AnsweredQuery)
                assert answer.path is not None
                alone = engine.search(answer.path, k=K, collection=NAME)
                mine, theirs = _scores(answer.result), _scores(alone)
                same += [*mine] == [*theirs]
                apart = max([apart, *(abs(mine[key] - theirs[key]) for key in {*mine} & {*theirs})])
        yield {"what": "same neighbors, share of photos", "median": same / len(self._photos)}
        yield {"what": "largest difference of a score", "median": float(f"{apart:.2g}")}

    @contextmanager
    def _opened(self) -> Iterator[tuple[SearchEngine, Rows]]:
        """An engine as `eyedex search` opens it for a folder."""
        settings = self._settings
        decoder = DecodePool(settings.catalog_limits(), settings.workers)
        with (
            opened_pictures([self._data.with_name("photos")], settings) as source,
            SearchEngine(settings=settings, decoder=decoder) as engine,
        ):
            yield engine, source

    def _renew(self) -> None:
        """Photos that were not asked about: bytes behind their end differ."""
        for photo, data in zip(self._photos, self._bytes, strict=True):
            photo.write_bytes(data + next(self._asked).to_bytes(8, "big"))


def _scores(result: SearchResult) -> dict[str, float]:
    return {each.item.item_id: each.score for each in result.neighbors}


if __name__ == "__main__":
    main()
