"""G10 and G11: damaged uploads and made-up requests; no answer of 500, none that takes long.

Ten times as many damaged pictures as are sent go through decoding processes without a server.
"""

import string
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from search_engine.errors import ImageError
from search_engine.images import DecodedImage, ImageLimits, Preprocessing
from search_engine.images.decode_pool import DecodePool
from tests.api.asking import CheckedClient
from tests.api.described import document
from tests.torture.goals import Goal, Reached, tries
from tests.torture.network_tools import (
    copied,
    damaged,
    pictures,
    question,
    shared_server,
    status_of,
)

PUBLISHED = 0.5
"""From this scale on what depends on the machine counts too."""
HANG_S = 5.0
MOST_BYTES = 1_500 * 2**20
DECODERS, A_CALL = 2, 100
SQUASH = Preprocessing(size_px=16, resize_px=16, fit="squash")


def uploads(scale: float, seed: int) -> Reached:
    """Send damaged pictures, and one in five in a damaged form."""
    random = np.random.default_rng(seed)
    server, statuses, slowest = shared_server(), Counter[int](), 0.0
    count = tries(100_000, scale, 60)
    for number in range(count):
        picture = damaged(random, pictures()[number % len(pictures())])
        whole = question(picture, "Connection: close")
        if number % 5 == 0:
            head, _, body = whole.partition(b"\r\n\r\n")
            spoilt = damaged(random, body)[: len(body)].ljust(len(body), b"-")
            whole = head + b"\r\n\r\n" + spoilt
        started = time.monotonic()
        with server.connect() as connection:
            connection.sendall(whole)
            statuses[status_of(connection)] += 1
        slowest = max(slowest, time.monotonic() - started)
    bad = sum(many for status, many in statuses.items() if not 200 <= status < 500)
    is_small = server.memory() < MOST_BYTES
    decoded, longest = _decoded(random, tries(1_000_000, scale, 200))
    others = decoded.total() - decoded["decoded"] - decoded["refused"]
    figures = (
        f"{count} uploads: {bad} answers of 5xx, slowest {slowest:.1f} s, {dict(statuses)}; "
        f"{decoded.total():,} decodes, {A_CALL} in at most {longest:.1f} s, {dict(decoded)}"
    )
    is_quick = scale < PUBLISHED or max(slowest, longest) < HANG_S
    return Reached(not bad and not others and is_small and is_quick, figures)


def _decoded(random: np.random.Generator, count: int) -> tuple[Counter[str], float]:
    """How decodes of damaged pictures ended, and the seconds of the longest call."""
    ended, longest = Counter[str](), 0.0
    with DecodePool(ImageLimits(), DECODERS) as pool:
        pool.check()
        at_first = {*pool.pids}
        for some in _batches(random, count):
            started = time.monotonic()
            calls = [pool.submit(some[n::DECODERS], SQUASH) for n in range(DECODERS)]
            for outcome in (one for call in calls for one in call.result()):
                known = "decoded" if isinstance(outcome, DecodedImage) else "refused"
                is_known = isinstance(outcome, DecodedImage | ImageError)
                ended[known if is_known else type(outcome).__name__] += 1
            longest = max(longest, time.monotonic() - started)
        if at_first != {*pool.pids}:
            ended["processes died"] = len(at_first - {*pool.pids})
    return ended, longest


def _batches(random: np.random.Generator, count: int) -> Iterator[list[bytes]]:
    for first in range(0, count, A_CALL):
        numbers = range(first, min(first + A_CALL, count))
        yield [damaged(random, pictures()[number % len(pictures())]) for number in numbers]


ODD: tuple[Any, ...] = (
    "", "0", "-1", "1e999", "NaN", "inf", "true", "null", "1_0", "٣", "9" * 400, "a" * 2_000,
    "../..", "%00", "' OR 1=1--", '{"$gt": 1}', "[[[[", "\x00", "\U0001f600", "\u202e", None,
    0, -1, 10**30, 1.5, True, [], {}, [[]], {"a": {"b": []}}, ["a", None], float("inf"), "\ud800",
)  # fmt: skip


FIELDS = (
    "image_base64", "item_id", "k", "filter", "box", "like", "operations", "queries", "name",
)  # fmt: skip


def requests(scale: float, seed: int) -> Reached:
    """Send requests of all routes with values that do not fit, and hold answers against OpenAPI."""
    random = np.random.default_rng(seed)
    operations = [
        (method.upper(), path, operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
        if operation["operationId"] != "watchJob"
    ]
    count, statuses, wrong = tries(100_000, scale, 150), Counter[int](), []
    with copied() as data, CheckedClient(data) as client:
        for number in range(count):
            method, path, operation = operations[number % len(operations)]
            try:
                answer = client.request(method, _path(random, path), **_rest(random, operation))
            except (AssertionError, ValueError, UnicodeError) as error:
                if isinstance(error, AssertionError):
                    wrong.append(f"{method} {path}: {error}")
                continue
            statuses[answer.status_code] += 1
    bugs = sum(many for status, many in statuses.items() if status == 500)
    figures = f"{count} requests: {bugs} answers of 500, {len(wrong)} not as described {wrong[:1]}"
    return Reached(not bugs and not wrong, figures)


def _path(random: np.random.Generator, path: str) -> str:
    name = ("default", "other", "A b", "%ff")[int(random.integers(0, 4))]
    letters = "".join(random.choice(list(string.printable[:80]), 6))
    return "/".join(
        name if part == "{c}" else letters if part.startswith("{") else part
        for part in path.split("/")
    )


def _rest(random: np.random.Generator, operation: dict[str, Any]) -> dict[str, Any]:
    """A query string, and a body where one belongs."""
    names = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
    given: dict[str, Any] = {
        "params": {name: str(_odd(random)) for name in names if random.random() < 0.3}
    }
    if "requestBody" not in operation:
        return given
    values = {name: _odd(random) for name in FIELDS if random.random() < 0.3}
    if random.random() < 0.3:
        given["files"] = {"image": damaged(random, pictures()[0])}
        given["data"] = {name: str(value) for name, value in values.items()}
    else:
        given["content"] = repr(values).replace("'", '"').encode(errors="surrogatepass")
        given["headers"] = {"Content-Type": "application/json"}
    return given


def _odd(random: np.random.Generator) -> Any:
    return ODD[int(random.integers(0, len(ODD)))]


GOALS = [
    Goal(
        "G10",
        "100,000 damaged uploads and 1,000,000 decodes: 0 answers of 5xx, 0 longer than 5 s, "
        "no process dies",
        uploads,
    ),
    Goal("G11", "100,000 made-up requests: 0 answers of 500, all as OpenAPI describes", requests),
]
