"""What a server does with more questions than it can answer: goodput, latency, refusals.

    python -m benchmarks.overload [--json] [--items N] [--seconds S] [--times X]

First 32 clients ask as fast as they are answered, which is the capacity. Then photos come at random
moments at X times that rate, whatever becomes of those before, from a process of its own: each at a
connection of its own, timed from when it was due. The clients share the cores with the server.
"""

import asyncio
import multiprocessing
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.ingest import copy_photos
from benchmarks.machine import parser_of, report
from benchmarks.query import BOUNDARY, crowd_rate, make_catalog, multipart, serving
from benchmarks.scale import NAME
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.storage.paths import DataPaths

PHOTOS = 50
SEED = 0
GIVE_UP_S = 60
GOOD_MS = 1_500
"""Later answers are of no use to a shopper."""
LOWER_PRIORITY = 5
OK, REFUSED, FAILED = 200, 503, 0

Outcome = tuple[int, float]
"""A status, 0 for no answer, and milliseconds from when the question was due."""


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--items", type=int, default=3_000)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--times", type=float, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary:
        work = Path(temporary)
        paths, dataset = copy_photos(work / "photos", PHOTOS)
        photos = [path.read_bytes() for path in paths]
        cache = DataPaths(work / "data").encoders
        encoder = create_encoder(EncoderRequest(DEFAULT_ENCODER, cache=cache))
        make_catalog(work / "data", encoder, given.items)
        with serving(work / "data") as port:
            crowd_rate(port, photos, 2)
            capacity = crowd_rate(port, photos, given.seconds / 2)
            outcomes = flood(port, photos, capacity * given.times, given.seconds)
            after = crowd_rate(port, photos, given.seconds / 2)
    rows = described(outcomes, capacity, given.seconds)
    rows.append({"what": "answers/s afterwards", "median": round(after, 1)})
    report(rows, given.json, dataset=dataset, items=given.items, times=given.times)


def described(
    outcomes: Sequence[Outcome], capacity: float, seconds: float
) -> list[dict[str, object]]:
    """What came of the questions."""
    by_status = {
        status: [taken for found, taken in outcomes if found == status]
        for status in (OK, REFUSED, FAILED)
    }
    answered, refused = by_status[OK], by_status[REFUSED]
    others = len(outcomes) - sum(map(len, by_status.values()))
    goodput = sum(taken <= GOOD_MS for taken in answered) / seconds
    return [
        {"what": "capacity, answers/s", "median": round(capacity, 1)},
        {"what": "asked, questions/s", "median": round(len(outcomes) / seconds, 1)},
        {"what": "answered within 1.5 s, answers/s", "median": round(goodput, 1)},
        {"what": "goodput to capacity", "median": round(goodput / capacity, 2)},
        *_percentiles("answered", answered),
        *_percentiles("refused", refused),
        {"what": "no answer", "median": len(by_status[FAILED])},
        {"what": "other answers", "median": others},
    ]


def _percentiles(what: str, taken: Sequence[float]) -> list[dict[str, object]]:
    if not taken:
        return [{"what": what, "median": 0}]
    half, nearly_all = np.percentile(taken, (50, 99))
    return [
        {"what": what, "median": len(taken)},
        {"what": f"{what}, p50 ms", "median": round(float(half), 1)},
        {"what": f"{what}, p99 ms", "median": round(float(nearly_all), 1)},
    ]


def flood(port: int, photos: list[bytes], rate: float, seconds: float) -> list[Outcome]:
    """What comes of questions at a rate, asked by a process of its own at lower priority."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_ask_all, port, photos, rate, seconds).result()


def _ask_all(port: int, photos: list[bytes], rate: float, seconds: float) -> list[Outcome]:
    os.nice(LOWER_PRIORITY)
    return asyncio.run(_at_their_time(port, photos, rate, seconds))


async def _at_their_time(
    port: int, photos: list[bytes], rate: float, seconds: float
) -> list[Outcome]:
    """Ask at random moments, whether those before were answered or not."""
    loop = asyncio.get_running_loop()
    random = np.random.default_rng(SEED)
    due = loop.time() + np.cumsum(random.exponential(1 / rate, int(rate * seconds)))
    asked = []
    for number, moment in enumerate(due):
        await asyncio.sleep(max(0.0, moment - loop.time()))
        request = _request(photos[number % len(photos)] + number.to_bytes(8, "big"))
        asked.append(asyncio.create_task(_ask(port, request, float(moment))))
    return await asyncio.gather(*asked)


async def _ask(port: int, request: bytes, due: float) -> Outcome:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(GIVE_UP_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            answer = await reader.read()
            writer.close()
    except (OSError, TimeoutError):
        return FAILED, (loop.time() - due) * 1_000
    status = int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else FAILED
    return status, (loop.time() - due) * 1_000


def _request(photo: bytes) -> bytes:
    """A whole request about a photo that the server has not seen."""
    body = multipart(photo)
    return (
        f"POST /v1/collections/{NAME}/search HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body


if __name__ == "__main__":
    main()
