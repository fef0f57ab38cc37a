"""G1, G2 and G9: processes that die, or whose files fail, at every point of a run; two at once."""

import json
import random
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from search_engine.config import Settings
from search_engine.maintenance.follow import Follower
from search_engine.storage.faults import POINTS
from tests.faults.forking import run_together
from tests.torture.campaign import (
    BATCH,
    FIRST_ROWS,
    ITEMS,
    Ended,
    TortureError,
    begun,
    copy_of,
    environment,
    eyedex,
    finished,
    index_arguments,
    judge_hurt,
    judged,
    source,
    workplace,
)
from tests.torture.goals import Goal, Reached, tries, with_progress

KILLED = -signal.SIGKILL
ACTIONS = ("kill", "eio", "enospc")
ELSEWHERE = (
    "upload_half", "upload_before_rename", "schema_before_commit",
    "follow_part_pulled", "follow_before_rename", "follow_named",
)  # fmt: skip
"""Points that a server, an older catalog or a follower comes by: there kill
tests/indexer/staging/test_uploads.py, tests/search_engine/catalog/test_migrations.py and
tests/faults/test_publishing.py."""

WRITTEN = (
    "row_read",
    "decoded",
    "embedded",
    "before_commit",
    "after_commit",
    "generation_started",
    "generation_file_half",
    "generation_file_written",
    "generation_before_rename",
    "generation_renamed",
    "current_before_rename",
    "current_renamed",
)
MOST_PASSES = {"row_read": 24, "decoded": 2, "embedded": 2, "before_commit": 2, "after_commit": 2}


@dataclass(frozen=True, slots=True)
class Verb:
    """A command that comes by a point, and how to judge what is left of it."""

    arguments: Callable[[Path], tuple[object, ...]]
    judge: Callable[[Path], None]


def kill_at_points(scale: float, seed: int) -> Reached:
    """Kill a command at each point, time and again, each time in a copy of its own."""
    points = [point for point in POINTS if point not in ELSEWHERE]
    chosen = random.Random(seed)
    if scale == 0:
        points = chosen.sample(points, 3)
    kills = 0
    for point in with_progress(points):
        for _ in range(tries(100, scale)):
            _kill_at(point, chosen.randint(1, MOST_PASSES.get(point, 1)))
            kills += 1
    return Reached(True, f"{len(points)} points, {kills:,} kills: 0 lost, 0 phantoms, 0 repairs")


def _kill_at(point: str, count: int) -> None:
    verb = verb_of(point)
    with copy_of(begun()) as data:
        ended = eyedex(*verb.arguments(data), EYEDEX_FAULT=f"{point}:{count}:kill")
        if ended.code != KILLED:
            raise TortureError(f"{point}:{count} was not reached: {ended.code} {ended.err[-300:]}")
        if point in ("before_commit", "after_commit"):
            committed = count - (point == "before_commit")
            judge_hurt(data, FIRST_ROWS + 1 + min(committed * BATCH, ITEMS - FIRST_ROWS))
        else:
            verb.judge(data)


def verb_of(point: str) -> Verb:
    if point == "generation_collected":
        return Verb(_collecting_arguments, lambda data: judge_hurt(data, FIRST_ROWS + 1))
    if point == "restore_before_rename":  # where nothing is yet
        return Verb(
            lambda data: ("restore", _archive(), "--data", data.parent / "new"),
            lambda data: _judge_restore(data.parent / "new"),
        )
    if point in WRITTEN:
        return Verb(
            lambda data: index_arguments(data, source()), lambda data: judge_hurt(data, FIRST_ROWS)
        )
    family = point.partition("_")[0]
    verbs = {
        "snapshot": Verb(
            lambda data: ("snapshot", data.parent / "made.tar", "--data", data), _judge_snapshot
        ),
        "restore": Verb(
            lambda data: ("restore", _archive(), "--data", data, "--replace"), _judge_restore
        ),
        "export": Verb(
            lambda data: ("export", data.parent / "made.npy", "--data", data), _judge_export
        ),
        "import": Verb(_import_arguments, _judge_import),
        "patches": Verb(_patches_arguments, _judge_patches),
        "publish": Verb(_publish_arguments, _judge_publish),
    }
    verbs["workshop"] = verbs["snapshot"]
    verbs["vectors"] = verbs["encoder"] = Verb(_switch_arguments, _judge_switch)
    return verbs[family]


def _collecting_arguments(data: Path) -> tuple[object, ...]:
    """A run that makes the third index of a collection, after which the first is deleted."""
    _must(eyedex("collections", "compact", "default", "--force", "--data", data))
    return index_arguments(data, source())


def _judge_snapshot(data: Path) -> None:
    """Nothing changed, and the next snapshot has everything; what was half made is not taken."""
    made = data.parent / "made.tar"
    if judged(data) != judged(begun()):
        raise TortureError("a killed snapshot changed the catalog")
    _must(eyedex("snapshot", made, "--data", data, "--force"))
    _must(eyedex("restore", made, "--data", data.parent / "restored"))
    if judged(data.parent / "restored") != judged(begun()):
        raise TortureError("a snapshot after a killed one lacks something")
    if [one for one in data.parent.iterdir() if one.name.startswith(".")]:
        raise TortureError("something is left beside the snapshot")


@cache
def _archive() -> Path:
    made = workplace() / "finished.tar"
    finished()
    _must(eyedex("snapshot", made, "--data", workplace() / "finished"))
    return made


def _judge_restore(data: Path) -> None:
    """It is the one or the other, and the next restore leads to what is in the archive."""
    if data.exists() and judged(data) not in (judged(begun()), finished()):
        raise TortureError("a killed restore left a mixture")
    _must(eyedex("restore", _archive(), "--data", data, "--replace"))
    if judged(data) != finished():
        raise TortureError("a restore after a killed one lacks something")


def _judge_export(data: Path) -> None:
    """What is half written is not taken for whole, and the next export is."""
    made = data.parent / "made.npy"
    if made.exists() and made.with_suffix(".json").exists():
        _must(eyedex("import", made, "--data", data.parent / "half", "--encoder", "hsv"))
    _must(eyedex("export", made, "--data", data, "--force"))
    _must(eyedex("import", made, "--data", data.parent / "whole"))
    if judged(data.parent / "whole").items != judged(begun()).items:
        raise TortureError("an export after a killed one lacks something")


@cache
def _embeddings() -> Path:
    made = workplace() / "finished.npy"
    finished()
    _must(eyedex("export", made, "--data", workplace() / "finished"))
    return made


def _import_arguments(data: Path) -> tuple[object, ...]:
    return ("import", _embeddings(), "--data", data, "--collection", "default")


def _judge_import(data: Path) -> None:
    judged(data)
    _must(eyedex(*_import_arguments(data)))
    if judged(data).items != finished().items:
        raise TortureError("an import after a killed one lacks something")


def _switch_arguments(data: Path) -> tuple[object, ...]:
    return ("switch", "hog", "--force", "--data", data)


def _patches_arguments(data: Path) -> tuple[object, ...]:
    return (*index_arguments(data, source()), "--patches", 5, "--json")


def _judge_patches(data: Path) -> None:
    """All items are there, and what has no patches yet gets them by the next run."""
    judge_hurt(data, finished().items)
    again = eyedex(*_patches_arguments(data))
    if json.loads(again.out)["patches"]["embedded"]:
        raise TortureError("the run after a killed one left pictures without patches")


def _publish_arguments(data: Path) -> tuple[object, ...]:
    return ("publish", f"file://{data.parent / 'published'}", "--data", data)


def _judge_publish(data: Path) -> None:
    """Nothing changed, and followers have everything once it is published again."""
    if judged(data) != judged(begun()):
        raise TortureError("a killed publication changed the catalog")
    _, url, *_ = _publish_arguments(data)
    _must(eyedex(*_publish_arguments(data)))
    followed = Follower(Settings(data=data.parent / "follower", follow=str(url))).ready()
    if judged(followed.data) != judged(begun()):
        raise TortureError("a follower lacks something that was published")


def _judge_switch(data: Path) -> None:
    """One encoder or the other, whole; and the next switch leads to the other."""
    before = judged(data).items
    ended = eyedex(*_switch_arguments(data))
    if ended.code not in (0, 2):  # it may have been done
        raise TortureError(f"no switch after a killed one: {ended.err[-300:]}")
    if judged(data).items != before:
        raise TortureError("a switch changed the number of items")


def _must(ended: Ended) -> None:
    if ended.code != 0:
        raise TortureError(f"ended with {ended.code}: {ended.err[-300:]}")


@cache
def io_library() -> Path:
    """The library that fails calls, compiled."""
    made = workplace() / "syscalls.so"
    code = Path(__file__).parent / "syscalls.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", made, code, "-ldl"], check=True)
    return made


def fail_at_calls(scale: float, seed: int) -> Reached:
    """Kill a run, or fail its call, at calls that change files: at every one at full scale."""
    total = _count_calls()
    chosen = random.Random(seed)
    numbers = range(1, total + 1)
    wanted = [(number, action) for number in numbers for action in ACTIONS]
    some = chosen.sample(wanted, min(len(wanted), tries(len(wanted), scale, at_least=4)))
    for number, action in with_progress(some):
        _fail_at(number, action)
    return Reached(True, f"{len(some):,} of {len(wanted):,} calls and faults: 0 lost, 0 damaged")


def _run_armed(data: Path, number: int, action: str) -> Ended:
    return eyedex(
        *index_arguments(data, source()),
        preload=str(io_library()),
        IO_FAULT=f"{number}:{action}",
        IO_BELOW=str(data),
        IO_COUNT=str(workplace() / "calls"),
    )


def _count_calls() -> int:
    with copy_of(begun()) as data:
        _must(_run_armed(data, 0, "none"))
        return int((workplace() / "calls").read_text())


def _fail_at(number: int, action: str) -> None:
    with copy_of(begun()) as data:
        ended = _run_armed(data, number, action)
        codes = {"kill": (KILLED,), "eio": (0, 5), "enospc": (0, 5)}[action]
        if ended.code not in codes and not (action == "kill" and ended.code == 0):
            raise TortureError(f"{number}:{action} ended with {ended.code}: {ended.err[-500:]}")
        if ended.code == 5 and not ended.err.splitlines()[-1].startswith("error: storage"):
            raise TortureError(f"{number}:{action}: {ended.err[-300:]}")
        judge_hurt(data, finished().items if ended.code == 0 else FIRST_ROWS + 1)


def race(scale: float, seed: int) -> Reached:
    """Let nine runs over the same catalog begin at once, and kill the first of them at times."""
    rounds = tries(200, scale)
    chosen = random.Random(seed)
    won = refused = 0
    for _ in with_progress(range(rounds)):
        with copy_of(begun()) as data:
            codes = _raced(data, 9 if scale else 3, killed=chosen.random() < 0.25)
            won += codes.count(0)
            refused += codes.count(6)
            if set(codes) - {0, 6, KILLED}:
                raise TortureError(f"runs at once ended with {codes}")
            judge_hurt(data, FIRST_ROWS + 1)
    return Reached(True, f"{rounds} rounds: {won} runs went on, {refused} were refused, 0 mixed")


def _raced(data: Path, runs: int, killed: bool) -> list[int]:
    arguments = [*map(str, index_arguments(data, source()))]
    fault = {"EYEDEX_FAULT": "before_commit:1:kill"} if killed else {}
    commands = [(arguments, environment(**(fault if n == 0 else {}))) for n in range(runs)]
    return [done.returncode for done in run_together(commands)]


GOALS = [
    Goal("G1", "every point x 100 kills: 0 acknowledged items lost", kill_at_points),
    Goal("G2", "every call that changes files x kill, EIO, ENOSPC: 0 lost", fail_at_calls),
    Goal("G9", "200 rounds x 9 runs at once: one at a time, the others exit 6", race),
]
