"""What commands and a server answer, in this tree and in another one, field by field.

    python -m benchmarks.behavior --before TREE [--json] [--photos N] [--datasets NAME...]

TREE is a checkout of another commit; its code runs with the packages installed here. Each tree
indexes N photos of each dataset with its own `eyedex index` (`--no-tune`, where it would tune by
itself), then answers the same questions on the command line with `--json` and over HTTP; this tree
does so with a copy of the other's data as well (`moved`). Listed is every field that only one tree
answers, and every value that is not the same; numbers may differ by T. Times, versions and random
names are not compared.
The exit code is 1 if anything differs.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.query import started

HERE = Path(__file__).parents[1]
TRAINED = {
    "clothing": ("clothing/train", "clothing/validation"),
    "grocery": ("grocery/train", "grocery/val"),
}
VARYING = re.compile(
    r"(^|[._])(seconds|took\w*|\w+_ms|\w+_s|images_per_second|stages|utilisation|waits|version|created\w*|updated\w*|"
    r"\w+_at|query_token|data|path|generation|fingerprint|request_id|etag)($|[.\[])"
)
Answers = dict[str, Any]


class Difference(NamedTuple):
    """A field of an answer, without the places in lists, and how it differs."""

    field: str
    how: str


def main() -> None:
    """Ask both trees and print how they differ."""
    parser = parser_of(__doc__)
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--datasets", nargs="+", default=list(TRAINED), choices=TRAINED)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    given = parser.parse_args()
    rows, compared = [], 0
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary:
        for name in given.datasets:
            work = Path(temporary) / name
            photos = chosen(name, given.photos, work)
            before = made(given.before.resolve(), photos, work / "before")
            shutil.copytree(work / "before", work / "moved")
            after = made(HERE, photos, work / "after")
            before |= answers(given.before.resolve(), photos, work / "before")
            for data in ("after", "moved"):
                theirs = answers(HERE, photos, work / data)
                theirs |= after if data == "after" else {}
                found = [
                    (question, difference)
                    for question in theirs
                    for difference in differences(
                        flat(before[question]), flat(theirs[question]), given.tolerance
                    )
                ]
                compared += sum(len(flat(theirs[question])) for question in theirs)
                rows += [{"dataset": name, "data": data, **row} for row in described(found)]
    report(rows, given.json, fields_compared=compared, tolerance=given.tolerance)
    sys.exit(bool(rows))


def chosen(name: str, count: int, target: Path) -> Path:
    """Folders of classes below `target`: `train`, evenly chosen, and `asked`."""
    for split, source, of_it in zip(("train", "asked"), TRAINED[name], (count, 12), strict=True):
        pictures = sorted(path for path in (DATASETS / source).rglob("*") if path.suffix == ".jpg")
        for picture in pictures[:: max(1, len(pictures) // of_it)][:of_it]:
            place = target / split / picture.relative_to(DATASETS / source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(picture, place)
    return target


def made(tree: Path, photos: Path, data: Path) -> Answers:
    """A catalog indexed and calibrated by a tree in `data`, and what it said of that."""
    source = photos / "train"
    index = ["index", source, *(["--no-tune"] * knows(tree, "index", "--no-tune"))]
    return {
        "index": command(tree, data, index, photos),
        "index again": command(tree, data, index, photos),
        "calibrate": command(tree, data, ["calibrate"], photos),
    }


def answers(tree: Path, photos: Path, data: Path) -> Answers:
    """What a tree says of a catalog in `data`, by the question."""
    train, asked = photos / "train", photos / "asked"
    photo = min(asked.rglob("*.jpg"))
    item = min(train.rglob("*.jpg")).relative_to(train).as_posix()
    said: Answers = {}
    for question in (
        ["search", photo],
        ["search", photo, "-k", "50", "--rerank", "k-reciprocal"],
        ["search", photo, "--group-by", "label"],
        ["search", photo, "--min-score", "0.5", "--facets", "label"],
        ["search", "--item", item],
        ["search", photo, "--box", "0.1,0.1,0.9,0.9"],
        ["search", photo, "-k", "0"],
        ["search", "--item", "missing"],
        ["search", asked / "none.jpg"],
        ["classify", asked],
        ["classify", photo, "--vote-k", "3"],
        ["evaluate"],
        ["check"],
        ["remove", item],
        ["collections", "list"],
    ):
        name = " ".join(str(part).replace(str(photos), "") for part in question)
        said[name] = command(tree, data, question, photos)
    with (
        started(data, tree) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as client,
    ):
        said |= {f"HTTP {name}": answer for name, answer in over_http(client, photo, train)}
    return said


def command(tree: Path, data: Path, arguments: Sequence[object], photos: Path) -> Any:
    """The exit code and what was printed, as JSON where it is some."""
    done = subprocess.run(
        [sys.executable, "-m", "api.cli.main", *map(str, arguments), "--data", data, "--json"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    out, err = (
        parsed(text.replace(str(photos), "").replace(str(data), "DATA"))
        for text in (done.stdout, done.stderr)
    )
    return {"exit": done.returncode, "answer": out, "error": done.returncode and err}


def knows(tree: Path, verb: str, flag: str) -> bool:
    """Whether a command of a tree has a flag."""
    return flag in command(tree, Path(), [verb, "--help"], Path("/"))["answer"]


def parsed(text: str) -> Any:
    """JSON, or JSON lines, or the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines()]
    except ValueError:
        return text


def over_http(client: httpx.Client, photo: Path, train: Path) -> Iterator[tuple[str, Any]]:
    """Questions to a server and its answers with their status."""
    item = sorted(train.rglob("*.jpg"))[1].relative_to(train).as_posix()
    here = "/v1/collections/default"
    picture = photo.read_bytes()
    for verb in ("search", "classify"):
        for form in (
            {},
            {"k": "3"},
            {"k": "x"},
            {"filter": '{"field":"label","eq":"none"}'},
            {"nothing": "1"},
        ):
            answer = client.post(
                f"{here}/{verb}", data=form, files={"image": ("photo.jpg", picture)}
            )
            yield f"{verb} photo {form}", told(answer)
        yield f"{verb} item", told(client.post(f"{here}/{verb}", json={"item_id": item}))
        yield (
            f"{verb} broken",
            told(client.post(f"{here}/{verb}", files={"image": ("photo.jpg", picture[:99])})),
        )
    for path in (
        "",
        "/items?limit=5",
        "/items?limit=x",
        "/items/missing",
        "/stats",
        "/facets?fields=label",
    ):
        yield f"GET {path}", told(client.get(here + path))
    yield "GET collections", told(client.get("/v1/collections"))
    yield "DELETE item", told(client.delete(f"{here}/items/{item}"))


def told(answer: httpx.Response) -> Any:
    """Status, kind and body of an answer."""
    return {
        "status": answer.status_code,
        "kind": answer.headers.get("content-type"),
        "body": parsed(answer.text),
    }


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Every value of nested JSON by its dotted path, without what differs from run to run."""
    if VARYING.search(name):
        return {}
    if isinstance(value, dict):
        return {k: v for key, part in value.items() for k, v in flat(part, f"{name}.{key}").items()}
    if isinstance(value, list):
        return {k: v for n, part in enumerate(value) for k, v in flat(part, f"{name}[{n}]").items()}
    return {name: value}


def differences(old: dict[str, Any], new: dict[str, Any], tolerance: float) -> Iterator[Difference]:
    """What one lacks, and what is not the same in both."""
    for name in old.keys() | new.keys():
        field = re.sub(r"\[\d+\]", "[]", name)
        if name not in new:
            yield Difference(field, "only before")
        elif name not in old:
            yield Difference(field, "only after")
        elif not same(old[name], new[name], tolerance):
            yield Difference(field, f"{old[name]!r} -> {new[name]!r}"[:300])


def same(old: Any, new: Any, tolerance: float) -> bool:
    """Whether two values are equal, numbers nearly."""
    if isinstance(old, float) and isinstance(new, float | int):
        return abs(old - new) <= tolerance
    return bool(old == new)


def described(found: list[tuple[str, Difference]]) -> Iterator[dict[str, Any]]:
    """A row for each field that differs: in how many questions, and an example."""
    questions: dict[str, set[str]] = {}
    for question, one in found:
        questions.setdefault(one.field, set()).add(question)
    example = {one.field: (question, one.how) for question, one in reversed(found)}
    for field in sorted(questions):
        question, how = example[field]
        yield {"field": field, "questions": len(questions[field]), "for": question, "how": how}


if __name__ == "__main__":
    main()
