"""G4: the power is lost: directories as a disk may have them then, made from what a run wrote.

A run writes a journal of its calls. At every sync and rename the disk is imagined to stop: with
only what was synced, with any of the rest, or with all names but not the bytes. A file is synced by
its own sync, a name by that of its directory. Whatever was committed before must be in all images.
"""

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from search_engine.config import Settings
from search_engine.maintenance.check import check_data
from tests.torture.campaign import (
    TortureError,
    begun,
    copy_of,
    eyedex,
    finished,
    index_arguments,
    indexed,
    judged,
    source,
    workplace,
)
from tests.torture.goals import Goal, Reached, tries, with_progress
from tests.torture.storage_kills import io_library

IMAGES = 10_000
FINISHED_EVERY = 50
LOG = "catalog.sqlite-wal"
GONE_ANYWAY = ("-shm", "reserve")


@dataclass(frozen=True, slots=True)
class Call:
    """What was done: W write, T cut, C create, M make a folder, R rename, U remove, S sync."""

    what: str
    path: str
    at: int
    data: bytes


@dataclass(slots=True)
class Content:
    """Bytes of a file that are safe, and what was written since."""

    safe: bytes = b""
    since: list[Call] = field(default_factory=list)
    is_folder: bool = False


class Disk:
    """What a disk holds: contents, and names that are safe, and changes of names since."""

    def __init__(self, folder: Path) -> None:
        self.names: dict[str, Content] = {
            str(path.relative_to(folder)): Content(b"", [], True)
            if path.is_dir()
            else Content(path.read_bytes())
            for path in folder.rglob("*")
        }
        self.safe_names = dict(self.names)
        self.renamed: list[tuple[str, str, Content | str | None]] = []

    def do(self, call: Call) -> None:
        """Take over a call."""
        if call.what in "CM":
            self._name(call.path, Content(is_folder=call.what == "M"))
        elif call.what == "R":
            self._name(call.data.decode(), call.path)
        elif call.what == "U":
            self._name(call.path, None)
        elif call.what in "WT" and call.path in self.names:
            self.names[call.path].since.append(call)
        elif call.what == "S":
            self._sync(call.path)

    def images(self, chosen: random.Random) -> Iterator[dict[str, Content]]:
        """What may be there after the power was lost now."""
        yield {
            name: Content(each.safe, [], each.is_folder) for name, each in self.safe_names.items()
        }
        names = dict(self.safe_names)
        for _, name, content in self.renamed:
            if chosen.random() < 0.5:
                _put(names, name, content)
        yield {
            name: Content(_written(each.safe, _some(each.since, chosen)), [], each.is_folder)
            for name, each in names.items()
        }
        yield {name: Content(each.safe, [], each.is_folder) for name, each in self.names.items()}

    def _name(self, name: str, content: Content | str | None) -> None:
        _put(self.names, name, content)
        self.renamed.append((str(Path(name).parent), name, content))

    def _sync(self, path: str) -> None:
        content = self.names.get(path)
        if path == "." or (content is not None and content.is_folder):
            for folder, name, named in self.renamed:
                if folder == path:
                    _put(self.safe_names, name, named)
            self.renamed = [each for each in self.renamed if each[0] != path]
        elif content is not None:
            content.safe = _written(content.safe, content.since)
            content.since = []


def _put(names: dict[str, Content], name: str, content: Content | str | None) -> None:
    """Give a name a content, or what has another name, with all that is below it; None removes."""
    if content is None:
        names.pop(name, None)
    elif isinstance(content, Content):
        names[name] = content
    else:
        moved = [one for one in names if one == content or one.startswith(f"{content}/")]
        for one in moved:
            names[name + one[len(content) :]] = names.pop(one)


def _some(calls: list[Call], chosen: random.Random) -> list[Call]:
    return [call for call in calls if chosen.random() < 0.5]


def _written(safe: bytes, calls: list[Call]) -> bytes:
    content = bytearray(safe)
    for call in calls:
        if call.what == "T":
            content = content[: call.at].ljust(call.at, b"\0")
        else:
            end = call.at + len(call.data)
            content = content.ljust(end, b"\0")
            content[call.at : end] = call.data
    return bytes(content)


def lose_power(scale: float, seed: int) -> Reached:
    """Replay a run, and judge what a loss of power may leave at its syncs and renames."""
    images, points = replay(tries(IMAGES, scale, at_least=12), seed)
    return Reached(True, f"{images:,} images at {points} points: 0 lost, 0 repairs")


def replay(wanted: int, seed: int, deaf_to: str = "") -> tuple[int, int]:
    """Judge so many images, and say how many they were at how many points.

    Raises:
        TortureError: A promise was broken, as it is where the disk is `deaf_to` syncs of a file.
    """
    chosen = random.Random(seed)
    calls = _journal()
    points = [n for n, call in enumerate(calls) if call.what in "SR"]
    rounds = -(-wanted // (3 * len(points)))
    some = sorted(chosen.sample(points, min(len(points), -(-wanted // (3 * rounds)))))
    judged_images = 0
    for _ in with_progress(range(rounds)):
        disk, true_disk = Disk(begun()), Disk(begun())
        committed, position = _items_of(begun()), 0
        for point in some:
            for call in calls[position:point]:
                true_disk.do(call)
                if call.what != "S" or call.path != deaf_to:
                    disk.do(call)
                if call.what == "S" and call.path == LOG:
                    committed = max(committed, _items_in(next(true_disk.images(chosen))))
            position = point
            for kind, image in enumerate(disk.images(chosen)):
                judged_images += 1
                told = f"call {point} ({calls[point].what} {calls[point].path}), image {kind}"
                _judge(image, committed, told, judged_images % FINISHED_EVERY == 1)
    return judged_images, len(some)


def _journal() -> list[Call]:
    """The calls of a run over the whole catalog."""
    file = workplace() / "journal"
    file.unlink(missing_ok=True)
    with copy_of(begun()) as data:
        ended = eyedex(
            *index_arguments(data, source()),
            preload=str(io_library()),
            IO_BELOW=f"{data}",
            IO_JOURNAL=str(file),
        )
        if ended.code != 0:
            raise TortureError(f"a run with a journal ended with {ended.code}: {ended.err[-300:]}")
        return list(_read(file.read_bytes(), str(data)))


def _read(journal: bytes, root: str) -> Iterator[Call]:
    at = 0
    while at < len(journal):
        end = journal.index(b"\n", at)
        what, offset, size, path = journal[at:end].decode().split("\t")
        data = journal[end + 1 : end + 1 + int(size)]
        at = end + 1 + int(size)
        if path.endswith(GONE_ANYWAY):
            continue
        if what == "R":
            data = _below(data.decode(), root).encode()
        yield Call(what, _below(path, root), int(offset), data)


def _below(path: str, root: str) -> str:
    return path[len(root) + 1 :] or "."


def _make(image: dict[str, Content], data: Path) -> None:
    shutil.rmtree(data)
    data.mkdir(mode=0o700)
    for name, content in sorted(image.items()):
        path = data / name
        if not path.parent.is_dir() or name.endswith(GONE_ANYWAY):
            continue  # a folder whose name is lost
        if content.is_folder:
            path.mkdir(mode=0o700, exist_ok=True)
        else:
            path.write_bytes(content.safe)
            path.chmod(0o600)


def _judge(image: dict[str, Content], committed: int, told: str, finish: bool) -> None:
    with copy_of(begun(), "power") as data:
        _make(image, data)
        report = check_data(Settings(data=data))
        if not report.sound:
            raise TortureError(
                f"{told}: {[one for one in report.findings if one.level == 'error']}"
            )
        items = _items_of(data)
        if not committed <= items <= finished().items:
            raise TortureError(f"{told}: {items} items, of which {committed} were committed")
        if finish:
            indexed(data, source(), "first")
            if judged(data) != finished():
                raise TortureError(f"{told}: the next run does not lead to the same")


def _items_in(image: dict[str, Content]) -> int:
    with copy_of(begun(), "count") as data:
        _make(image, data)
        return _items_of(data)


def _items_of(data: Path) -> int:
    with closing(sqlite3.connect(data / "catalog.sqlite")) as catalog:
        found = catalog.execute("SELECT count(*) FROM items WHERE removed = 0").fetchone()
        return int(found[0])


GOALS = [Goal("G4", "10,000 images of a lost power: 0 lost, 0 manual repairs", lose_power)]
