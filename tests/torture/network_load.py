"""G14, G17 and G19: more than can be answered, stops while much is asked, one greedy client."""

import signal
import threading
import time
from collections import Counter
from contextlib import ExitStack

from benchmarks.load import LoadClient, Outcome, Question, beside
from benchmarks.overload import GOOD_MS, percentile
from benchmarks.query import OK, REFUSED
from tests.api.asking import DEFAULT
from tests.api.test_access import make_key
from tests.torture.goals import Goal, Reached, tries
from tests.torture.network_tools import (
    Server,
    pictures,
    question,
    served,
    shared_server,
    status_of,
)

PUBLISHED = 0.5
"""From this scale on what depends on the machine counts too."""
CLIENTS, TIMES = 32, 4.0
GRACE_S = 20.0
RATE, POLITE_A_S, POLITE = 20, 5, 20
MARK = b"\0" * 16


def overload(scale: float, seed: int) -> Reached:
    """Ask four times as much as can be answered."""
    seconds = max(0.5, 15 * scale)
    asked = shared_server().port, seconds, seed
    capacity, usual, found = beside(_flood, *asked) if scale >= PUBLISHED else _flood(*asked)
    refused = [each for each in found if each.status == REFUSED]
    good = sum(each.status == OK and each.taken_ms <= GOOD_MS for each in found) / seconds
    told = all(each.says_when for each in refused)
    others = sum(each.status not in (OK, REFUSED) for each in found)
    p99, before, quick = (
        percentile(found, OK, 99), percentile(usual, OK, 99), percentile(refused, REFUSED, 99),
    )  # fmt: skip
    is_quick = good >= 0.9 * capacity and p99 <= min(GOOD_MS, 3 * before) and quick <= 50
    figures = (
        f"goodput {good / capacity:.2f} of {capacity:.0f}/s, answered p99 {p99:.0f} ms "
        f"({p99 / before:.1f} times that at 0.8 times), refused {len(refused)} with p99 "
        f"{quick:.0f} ms, {others} other answers"
    )
    return Reached(told and not others and (scale < PUBLISHED or is_quick), figures)


def _flood(port: int, seconds: float, seed: int) -> tuple[float, list[Outcome], list[Outcome]]:
    import numpy as np

    head, _, tail = question(pictures()[0] + MARK, "Connection: close").rpartition(MARK)
    client = LoadClient(port, [Question(head, tail)], first=seed)
    client.crowd(CLIENTS, min(1.0, seconds))
    capacity = sum(each.status == OK for each in client.crowd(CLIENTS, seconds)) / seconds
    random, phases = np.random.default_rng(seed), []
    for times in (0.8, TIMES):
        rate = capacity * times
        moments = np.cumsum(random.exponential(1 / rate, max(1, int(rate * seconds))))
        phases.append(client.at_moments(moments.tolist()))
    return capacity, phases[0], phases[1]


def stops(scale: float, seed: int) -> Reached:
    """Stop servers that have much to answer."""
    count, asked = tries(100, scale, 1), 200 if scale >= PUBLISHED else 40
    statuses, bad, longest = Counter[int](), 0, 0.0
    for _ in range(count):
        with served() as server, ExitStack() as stack:
            connections = [stack.enter_context(server.connect()) for _ in range(asked)]
            for each in connections:
                each.sendall(question(pictures()[0], "Connection: close"))
            time.sleep(0.3)
            started = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            statuses.update(map(status_of, connections))
            code = server.process.wait(3 * GRACE_S)
            longest = max(longest, time.monotonic() - started)
            bad += code != 0 or "Traceback" in server.said()
    answered = statuses[OK] + statuses[REFUSED]
    is_quick = scale < PUBLISHED or longest <= GRACE_S
    ok = answered == count * asked and not bad and is_quick
    figures = (
        f"{count} stops: {answered} of {count * asked} answered {dict(statuses)}, {bad} ended "
        f"badly, longest {longest:.1f} s"
    )
    return Reached(ok, figures)


def fairness(scale: float, seed: int) -> Reached:
    """Let one key ask as fast as it can, beside polite ones."""
    seconds = max(2.0, 60 * scale)
    with served(limits=f"read={RATE}/s") as server:
        greedy = make_key(server.data, "read")
        polite = [make_key(server.data, "read") for _ in range(POLITE)]
        time.sleep(1.5)
        found, ends = Counter[int](), time.monotonic() + seconds
        threads = [
            threading.Thread(target=_ask_on, args=(server, greedy, ends, found)) for _ in range(4)
        ]
        for each in threads:
            each.start()
        answers = _ask_politely(server, polite, ends)
        for each in threads:
            each.join()
    share = answers[OK] / max(1, answers.total())
    figures = (
        f"{share:.2%} of {answers.total()} polite requests answered; of the greedy client's "
        f"{found.total()} {found[OK]} answered, {found[429]} refused with 429"
    )
    most = RATE * (seconds + 2)
    return Reached(share >= 0.999 and found[OK] <= most and found[429] > 0, figures)


def _labels(token: str) -> bytes:
    head = f"GET {DEFAULT}/labels HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {token}\r\n"
    return head.encode() + b"\r\n"


def _ask_on(server: Server, token: str, ends: float, found: Counter[int]) -> None:
    while time.monotonic() < ends:
        with server.connect() as connection:
            connection.sendall(_labels(token))
            found[status_of(connection)] += 1


def _ask_politely(server: Server, tokens: list[str], ends: float) -> Counter[int]:
    found, pause = Counter[int](), 1 / (POLITE_A_S * len(tokens))
    while time.monotonic() < ends:
        for token in tokens:
            with server.connect() as connection:
                connection.sendall(_labels(token))
                found[status_of(connection)] += 1
            time.sleep(pause)
    return found


GOALS = [
    Goal(
        "G14",
        "4 times overload: goodput >= 90 %, answered p99 <= 1.5 s and <= 3 times that at 0.8, "
        "refused p99 <= 50 ms, all with Retry-After",
        overload,
    ),
    Goal("G17", "100 SIGTERMs with 200 requests: all answered, exit 0 within 20 s", stops),
    Goal("G19", "polite clients beside a greedy one: 99.9 % answered", fairness),
]
