"""What the goals of storage share: a small catalog, runs over it that may be hurt, and the oracle.

A run is a process of its own. What it left is judged by `eyedex check` in a fresh process: sound,
nothing in it that the source does not have, and after one more run the same as if nothing happened.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from search_engine import SearchEngine
from tests.faults.forking import run_forked
from tests.images.pictures import jpeg, photo

BATCH = 8
ITEMS = 24
FIRST_ROWS = 10
KEPT = "kept-1"


class TortureError(AssertionError):
    """A promise was broken: what was done, and what was found."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What `check` says of a data directory."""

    items: int
    digest: str


@cache
def workplace() -> Path:
    """A folder for this process, removed when it ends."""
    folder = tempfile.TemporaryDirectory(prefix="torture-")
    workplace_of.append(folder)
    return Path(folder.name)


workplace_of: list[Any] = []
"""Keeps the folder as long as this process."""


@cache
def source() -> Path:
    """A catalog of 24 items, each a photo in other colours."""
    folder = workplace() / "source"
    (folder / "images").mkdir(parents=True)
    rows = ["item_id,image,label,price"]
    for number in range(ITEMS):
        turned = Image.merge("RGB", [band.rotate(15 * number) for band in photo().split()])
        (folder / "images" / f"{number}.jpg").write_bytes(jpeg(turned))
        rows.append(f"i{number:02},images/{number}.jpg,Home/L{number % 3},{number}.5")
    (folder / "catalog.csv").write_text("\n".join(rows) + "\n")
    return folder / "catalog.csv"


@cache
def first_rows() -> Path:
    """The first rows of it, in a folder with all pictures."""
    folder = workplace() / "first"
    folder.mkdir()
    rows = source().read_text().splitlines(keepends=True)[: FIRST_ROWS + 1]
    (folder / "catalog.csv").write_text("".join(rows))
    shutil.copytree(source().parent / "images", folder / "images")
    return folder / "catalog.csv"


@cache
def begun() -> Path:
    """A data directory with the first rows, and an item whose picture it keeps."""
    data = workplace() / "begun"
    indexed(data, first_rows(), "first")
    with SearchEngine(data) as engine:
        engine.upsert(KEPT, jpeg(), label="kept", attributes={"price": 3})
    return data


@cache
def finished() -> Judged:
    """What an undisturbed run over the whole catalog makes of that."""
    data = shutil.copytree(begun(), workplace() / "finished")
    indexed(data, source(), "first")
    return judged(data)


def indexed(data: Path, rows: Path, name: str) -> None:
    """Index rows undisturbed."""
    ended = eyedex(*index_arguments(data, rows, name))
    if ended.code != 0:
        raise TortureError(f"an undisturbed run ended with {ended.code}: {ended.err[-300:]}")


def index_arguments(data: Path, rows: Path, name: str = "first") -> tuple[object, ...]:
    arguments = ("index", rows, "--data", data, "--encoder", "hsv", "--source", name)
    return (*arguments, "--batch-size", BATCH, "--workers", 1)


def eyedex(*arguments: object, preload: str = "", **faults: str) -> Ended:
    """Run a command in a process of its own; `preload` is a library that is loaded first."""
    done = run_forked([*map(str, arguments)], environment(**faults), preload=preload)
    if "Traceback" in done.stderr:
        raise TortureError(f"{arguments[0]} {faults}: {done.stderr[-1500:]}")
    return Ended(done.returncode, done.stdout, done.stderr)


def environment(**faults: str) -> dict[str, str]:
    """That of a run, without settings of our own and with its faults."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("EYEDEX_")}
    return {**env, **faults}


def judged(data: Path) -> Judged:
    """What `check` says in a fresh process.

    Raises:
        TortureError: The directory is not sound.
    """
    ended = eyedex("check", "--data", data, "--json")
    report = json.loads(ended.out) if ended.out else {}
    if ended.code != 0 or not report.get("sound"):
        raise TortureError(f"not sound: {report.get('findings')} {ended.err[-300:]}")
    facts = {each["name"]: each for each in report["collections"]}
    fact = facts.get("default", {"items": 0, "digest": ""})
    return Judged(int(fact["items"]), str(fact["digest"]))


def judge_hurt(data: Path, acknowledged: int) -> None:
    """Judge what a hurt run over the whole catalog left, and finish it.

    Raises:
        TortureError: Acknowledged items are lost, others appeared, or the next run does not lead to
            where an undisturbed one does.
    """
    found = judged(data)
    if not acknowledged <= found.items <= finished().items:
        raise TortureError(f"{found.items} items, of which {acknowledged} were acknowledged")
    indexed(data, source(), "first")
    if judged(data) != finished():
        raise TortureError("the next run does not lead to where an undisturbed one does")
    left = [*data.rglob("*.new"), *data.rglob("gen-*.tmp")]
    if left:
        raise TortureError(f"left behind: {left}")


@contextmanager
def copy_of(data: Path, name: str = "run") -> Iterator[Path]:
    """A copy of a data directory, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=workplace()))
    try:
        yield shutil.copytree(data, folder / "data")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
