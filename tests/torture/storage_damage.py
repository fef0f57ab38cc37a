"""G6 and G7: bytes that change on the disk are noticed, and what can be rebuilt is rebuilt."""

import logging
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from search_engine import SearchEngine
from search_engine.catalog.damaged import damage_of, require_sound
from search_engine.config import Settings
from search_engine.errors import EyedexError
from search_engine.maintenance.check import check_data
from search_engine.maintenance.restore import restore_snapshot
from search_engine.maintenance.snapshot import make_snapshot
from tests.images.pictures import jpeg, photo
from tests.torture.campaign import TortureError, begun, copy_of, workplace
from tests.torture.goals import Goal, Reached, tries, with_progress

A_TASK = 250
KEPT_PICTURES = 12
ALL = 200

Answers = dict[str, Any]
"""What is served, by what was asked; an error is its code."""


@dataclass(slots=True)
class Outcome:
    """How a mutation ended: `detected` or `harmless`, else what went wrong."""

    kind: str
    told: str = ""


def mutate(scale: float, seed: int) -> Reached:
    """Change files at random, each change in a copy of its own, and compare what is served."""
    wanted = tries(50_000, scale, at_least=30)
    data = _prepared()
    counts = {"detected": 0, "harmless": 0}
    wrong: list[str] = []
    tasks = [range(first, min(first + A_TASK, wanted)) for first in range(0, wanted, A_TASK)]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        done = threads.map(partial(_in_a_process, data, seed), tasks)
        for numbers, outcomes in zip(with_progress(tasks), done, strict=False):
            for number, outcome in zip(numbers, outcomes, strict=False):
                if outcome.kind in counts:
                    counts[outcome.kind] += 1
                else:
                    wrong.append(f"mutation {number}: {outcome.kind}: {outcome.told}")
                    print(f"  seed {seed}, {wrong[-1]}", file=sys.stderr, flush=True)
    figures = (
        f"{wanted:,} mutations: {counts['detected']:,} detected, {counts['harmless']:,} harmless"
    )
    return Reached(
        not wrong, f"{figures}, {len(wrong)} wrong {wrong[:5] if wrong else ''}".rstrip()
    )


def rebuild(scale: float, seed: int) -> Reached:
    """Delete or damage every file of an index: answers stay the same to the last bit."""
    data = _prepared()
    wanted = _answers(data)
    files = sorted(path for path in data.glob("indexes/**/*") if path.is_file())
    rounds = 0
    for file in files if scale else files[:2]:
        for hurt in (Path.unlink, _blank, _flip(random.Random(seed))):
            with copy_of(data) as copy:
                hurt(copy / file.relative_to(data))
                rounds += 1
                if _answers(copy) != wanted:
                    raise TortureError(f"other answers without a sound {file.name}")
    return Reached(True, f"{rounds} files lost or damaged: all answers bit-identical")


def _prepared() -> Path:
    """A data directory with pictures in it, an archive of it beside."""
    made = workplace() / "pictured"
    if not made.exists():
        shutil.copytree(begun(), made)
        with SearchEngine(made) as engine:
            for number in range(KEPT_PICTURES):
                picture = jpeg(photo().rotate(30 * number))
                engine.upsert(f"p{number}", picture, label=f"Home/L{number % 3}", product_id="p")
        make_snapshot(Settings(data=made), made.with_suffix(".tar"))
    return made


def _in_a_process(data: Path, seed: int, numbers: range) -> list[Outcome]:
    """How mutations ended; one outcome for all of them if their process broke down."""
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(_mutations, data, seed, numbers).result()
    except BrokenProcessPool:
        return [Outcome("crash", f"of the process of {numbers}")]


def _mutations(data: Path, seed: int, numbers: range) -> list[Outcome]:
    logging.disable()  # of damage that is what is looked for
    wanted = _answers(data)
    return [_mutation(data, wanted, random.Random(f"{seed} {number}")) for number in numbers]


def _mutation(data: Path, wanted: Answers, chosen: random.Random) -> Outcome:
    try:
        if chosen.random() < 0.1:
            return _mutated_archive(data, wanted, chosen)
        return _mutated_file(data, wanted, chosen)
    except EyedexError as error:
        return Outcome("detected", error.code)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return Outcome("traceback", f"{type(error).__name__}: {error}"[:300])


def _mutated_archive(data: Path, wanted: Answers, chosen: random.Random) -> Outcome:
    with copy_of(data, "archive") as copy:
        archive = copy.parent / "a.tar"
        shutil.copy(data.with_suffix(".tar"), archive)
        _change(archive, chosen)
        restored = copy.parent / "restored"
        restore_snapshot(Settings(data=restored), archive)
        same = _answers(restored) == wanted
    return Outcome("harmless" if same else "wrong", "restored from a changed archive")


def _mutated_file(data: Path, wanted: Answers, chosen: random.Random) -> Outcome:
    with copy_of(data, "damage") as copy:
        files = sorted(path for path in copy.rglob("*") if path.is_file() and path.stat().st_size)
        files = [path for path in files if path.name not in ("reserve", ".told")]
        file = chosen.choices(files, [path.stat().st_size for path in files])[0]
        change = _change(file, chosen)
        served = _answers(copy)
        told = f"{change} in {file.name}"
        wrong = {asked for asked, answer in served.items() if not _is_honest(answer, wanted[asked])}
        if served["neighbors"] != wanted["neighbors"]:
            wrong.discard("class")  # others vote, which it says
        if wrong:
            return Outcome("wrong", f"{told}: {sorted(wrong)[:3]}")
        try:
            is_sound = check_data(Settings(data=copy)).sound
        except EyedexError:
            is_sound = False
    if not is_sound:
        return Outcome("detected")
    return Outcome("harmless" if served == wanted else "unseen", told)


def _is_honest(answer: Any, wanted: Any) -> bool:
    """Whether an answer is right, an error, or says of what is not that it is damaged."""
    if answer == wanted or isinstance(answer, str):
        return True
    if isinstance(answer, list) and isinstance(wanted, list):
        known = {one[0]: one for one in wanted}
        return all(one == known.get(one[0]) or one[1] == "damaged" for one in answer)
    return False


def _answers(data: Path) -> Answers:
    """What is served of a data directory: items, pictures, neighbors, a class."""
    found: Answers = {}
    try:
        with SearchEngine(settings=Settings(data=data), create=False) as engine:
            for name, ask in _questions(engine):
                try:
                    found[name] = ask()
                except EyedexError as error:
                    found[name] = error.code
    except EyedexError as error:
        return dict.fromkeys(_NAMES, error.code)
    return found


_IDS = [f"p{number}" for number in range(KEPT_PICTURES)]
_NAMES = [
    *(f"item {item_id}" for item_id in _IDS),
    *(f"picture {item_id}" for item_id in _IDS),
    "neighbors",
    "class",
]


def _questions(engine: SearchEngine) -> Iterator[tuple[str, Callable[[], Any]]]:
    for item_id in _IDS:
        yield f"item {item_id}", partial(_item, engine, item_id)
        yield f"picture {item_id}", partial(_picture, engine, item_id)
    yield "neighbors", lambda: _neighbors(engine)
    yield "class", lambda: _classified(engine)


def _item(engine: SearchEngine, item_id: str) -> Any:
    item = engine.catalog.get(engine.catalog.collection("default"), item_id)
    require_sound(item)
    return {"item": (item.item_id, item.label, item.product_id, dict(item.attributes))}


def _picture(engine: SearchEngine, item_id: str) -> Any:
    item = engine.catalog.get(engine.catalog.collection("default"), item_id)
    return {"jpeg": engine.original(item)}


def _neighbors(engine: SearchEngine) -> Any:
    found = engine.search(jpeg(), k=ALL).neighbors
    return [
        (one.item.item_id, "damaged")
        if damage_of(one.item)
        else (one.item.item_id, one.score, one.item.label, one.item.product_id)
        for one in found
    ]


def _classified(engine: SearchEngine) -> Any:
    result = engine.classify(jpeg(), k=5)
    if any(one.startswith("damaged_item") for one in result.warnings):
        return "damaged"
    return {"label": result.prediction.label if result.prediction else None}


def _change(file: Path, chosen: random.Random) -> str:
    """Change a file as disks and people do, and say how."""
    content = bytearray(file.read_bytes())
    at = chosen.randrange(len(content))
    kind = chosen.choices(["flip", "byte", "sector", "swap", "cut", "junk", "empty"], _WEIGHTS)[0]
    start = at // 512 * 512
    if kind == "flip":
        content[at] ^= 1 << chosen.randrange(8)
    elif kind == "byte":
        content[at] = chosen.randrange(256)
    elif kind == "sector":
        content[start : start + 512] = bytes(len(content[start : start + 512]))
    elif kind == "swap" and len(content) >= 1_024:
        other = chosen.randrange(len(content) // 512) * 512
        one, two = content[start : start + 512], content[other : other + 512]
        if len(one) == len(two):
            content[start : start + 512], content[other : other + 512] = two, one
    elif kind == "cut":
        del content[at:]
    elif kind == "junk":
        content[at : at + 16] = chosen.randbytes(len(content[at : at + 16]))
    elif kind == "empty":
        content.clear()
    file.write_bytes(content)
    return f"{kind} at {at}"


_WEIGHTS = (40, 20, 10, 5, 10, 14, 1)


def _blank(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def _flip(chosen: random.Random) -> Callable[[Path], None]:
    def flip(file: Path) -> None:
        content = bytearray(file.read_bytes())
        if content:
            content[chosen.randrange(len(content))] ^= 1
        file.write_bytes(content)

    return flip


GOALS = [
    Goal("G6", "50,000 mutations: all detected or harmless, 0 wrong answers, 0 tracebacks", mutate),
    Goal("G7", "lost or damaged index files: answers bit-identical", rebuild),
]
