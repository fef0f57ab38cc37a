"""What a server does with more questions than it can answer: goodput, latency, refusals.

    python -m benchmarks.overload [--json] [--items N] [--seconds S] [--times X]

First 32 clients ask as fast as they are answered, which is the capacity. Then photos come at random
moments, whatever becomes of those before: at 0.8 times that rate, at X times, and at 0.2 times to
see how soon answers are as quick as before. Each comes at a connection of its own and is timed from
when it was due, by another process that shares the cores with the server.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ingest import copy_photos
from benchmarks.load import FAILED, LoadClient, Outcome, beside
from benchmarks.machine import parser_of, report
from benchmarks.query import OK, REFUSED, make_catalog, question, serving
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.storage.paths import DataPaths

PHOTOS = 50
SEED = 0
CLIENTS = 32
GOOD_MS = 1_500
"""Later answers are of no use to a shopper."""
LIGHT, USUAL = 0.2, 0.8
AS_BEFORE = 1.5
"""Answers are as quick as before when they take no longer than so many times the median then."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Outcomes of the phases, in the order in which questions were answered."""

    capacity: float
    light: Sequence[Outcome]
    usual: Sequence[Outcome]
    overload: Sequence[Outcome]
    afterwards: Sequence[Outcome]


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
            measured = beside(measure, port, photos, given.seconds, given.times)
    rows = described(measured, given.seconds)
    report(rows, given.json, dataset=dataset, items=given.items, times=given.times)


def measure(port: int, photos: Sequence[bytes], seconds: float, times: float) -> Measured:
    """Ask in all phases."""
    client = LoadClient(port, [question(photo, close=True) for photo in photos])
    client.crowd(CLIENTS, 3)
    found = client.crowd(CLIENTS, seconds)
    capacity = sum(each.status == OK for each in found) / seconds
    ask = partial(_at_random, client, seconds=seconds)
    return Measured(
        capacity,
        light=ask(capacity * LIGHT),
        usual=ask(capacity * USUAL),
        overload=ask(capacity * times),
        afterwards=ask(capacity * LIGHT),
    )


def _at_random(client: LoadClient, rate: float, seconds: float) -> list[Outcome]:
    random = np.random.default_rng(SEED)
    moments = np.cumsum(random.exponential(1 / rate, max(1, int(rate * seconds))))
    return client.at_moments(moments.tolist())


def described(measured: Measured, seconds: float) -> list[dict[str, Any]]:
    """The rows of the report."""
    overload = measured.overload
    good = sum(each.status == OK and each.taken_ms <= GOOD_MS for each in overload) / seconds
    refused = [each for each in overload if each.status == REFUSED]
    says_when = sum(each.says_when for each in refused)
    others = [each for each in overload if each.status not in (OK, REFUSED, FAILED)]
    usual_p99 = percentile(measured.usual, OK, 99)
    return [
        {"what": "capacity, answers/s", "value": round(measured.capacity, 1)},
        {"what": f"p99 at {USUAL} times, ms", "value": usual_p99},
        {"what": "asked, questions/s", "value": round(len(overload) / seconds, 1)},
        {"what": "goodput to capacity", "value": round(good / measured.capacity, 2)},
        {"what": "answered", "value": len(overload) - len(refused) - len(others)},
        {"what": "answered, p50 ms", "value": percentile(overload, OK, 50)},
        {"what": "answered, p99 ms", "value": percentile(overload, OK, 99)},
        {
            "what": f"answered, p99 to that at {USUAL} times",
            "value": round(percentile(overload, OK, 99) / usual_p99, 2),
        },
        {"what": "refused", "value": len(refused)},
        {"what": "refused, p50 ms", "value": percentile(overload, REFUSED, 50)},
        {"what": "refused, p99 ms", "value": percentile(overload, REFUSED, 99)},
        {"what": "refused with Retry-After", "value": says_when},
        {"what": "no answer", "value": sum(each.status == FAILED for each in overload)},
        {"what": "other answers", "value": len(others)},
        {"what": "seconds until answers are as quick as before", "value": recovery(measured)},
    ]


def recovery(measured: Measured) -> float:
    """Seconds after the overload until half of ten answers in a row are as quick as before it."""
    limit = AS_BEFORE * percentile(measured.light, OK, 50)
    rate = measured.capacity * LIGHT
    taken = [each.taken_ms for each in measured.afterwards]
    for number in range(len(taken) - 9):
        if float(np.median(taken[number : number + 10])) <= limit:
            return round(number / rate, 1)
    return float("inf")


def percentile(outcomes: Sequence[Outcome], status: int, share: float) -> float:
    """Milliseconds of the answers of a status; NaN where there are none."""
    taken = [each.taken_ms for each in outcomes if each.status == status]
    return round(float(np.percentile(taken, share)), 1) if taken else float("nan")


if __name__ == "__main__":
    main()
