"""`python -m tests.docs.record`: record the examples of the API's reference, and write it anew.

The drawn catalog is indexed and served; the Python examples run against it one after the other, and
what they sent and what was answered is kept.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import chdir
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from api.client import Client, Conflict, NotFound
from api.client.core import DEFAULT_URL
from api.examples import PLACE, Exchange, settled, stable
from api.reference.__main__ import write
from api.reference.scenario import EXAMPLES
from indexer.change.request import without_progress
from indexer.overviews.making import make_mislabelled, make_outliers
from indexer.overviews.mapping import make_map
from search_engine.engine import SearchEngine
from tests.conftest import draw, index_folder, serve

PHOTO = "photo.jpg"


def photo_folder(sample: Path, folder: Path) -> Path:
    """A working directory as the examples expect it."""
    folder.mkdir(exist_ok=True)
    shutil.copy(min((sample / "images").rglob("*.jpg")), folder / PHOTO)
    return folder


def look_through(data: Path) -> Path:
    """A data directory with the lists and the map that the examples ask for."""
    with SearchEngine(data) as engine:
        make_mislabelled(engine, "default", "label", without_progress)
        make_outliers(engine, "default", without_progress)
        make_map(engine, "default", without_progress, 2)
    return data


def described_operations(url: str) -> dict[str, tuple[str, re.Pattern[str]]]:
    """Method and path of each operation of a server."""
    document = httpx2.get(f"{url}/openapi.json").json()
    found = {}
    for path, methods in document["paths"].items():
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))
        for method, operation in methods.items():
            found[operation["operationId"]] = (method.upper(), re.compile(pattern))
    return found


def record(url: str, folder: Path) -> dict[str, Exchange]:
    """Run the Python examples against a server, and say what was sent and answered."""
    seen: list[tuple[httpx2.Request, httpx2.Response]] = []
    found: dict[str, Exchange] = {}
    ids: dict[str, str] = {}
    known = described_operations(url)
    hooks: dict[str, list[Callable[..., Any]]] = {
        "response": [lambda response: seen.append((response.request, response))]
    }
    names: dict[str, Any] = {"Path": Path, "Conflict": Conflict, "NotFound": NotFound}
    names["print"] = lambda *_: None
    with chdir(folder), httpx2.Client(base_url=url, timeout=60, event_hooks=hooks) as http:
        names["client"] = Client(http=http)
        for example in (each for each in EXAMPLES if each.operation in known):
            exec(compile(example.python, example.operation, "exec"), names)
            request, response = _asked(seen, *known[example.operation])
            exchange = _exchange(http, request, response, ids)
            found[example.operation] = exchange
    return found


def _asked(
    seen: list[tuple[httpx2.Request, httpx2.Response]], method: str, path: re.Pattern[str]
) -> tuple[httpx2.Request, httpx2.Response]:
    """The last exchange of an operation."""
    for request, response in reversed(seen):
        sent = urlsplit(str(request.url)).path
        if request.method == method and path.fullmatch(sent):
            return request, response
    raise AssertionError(f"nothing was sent to {method} {path.pattern}")


def _exchange(
    http: httpx2.Client, request: httpx2.Request, response: httpx2.Response, ids: dict[str, str]
) -> Exchange:
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    found: Exchange = {"curl": _curl(request), "status": response.status_code}
    if request.headers.get("Content-Type") == "application/json":
        found["body"] = json.loads(request.content)
    if kind:
        found["kind"] = kind
    if kind.endswith("json"):
        found["answer"] = response.json()
    elif kind == "text/event-stream":
        found["answer"] = http.get(request.url).text
    elif kind.startswith("text/") or kind == "application/x-ndjson":
        found["answer"] = response.text
    _name_ids(found.get("answer"), ids)
    text = stable(json.dumps(settled(found)), ids)
    kept: Exchange = json.loads(text)
    return kept


def _name_ids(answer: Any, ids: dict[str, str]) -> None:
    """Give ids that differ each time others that do not, of the same length."""
    if isinstance(answer, dict) and isinstance(answer.get("id"), str):
        name = blake2b(str(len(ids)).encode(), digest_size=32).hexdigest()
        ids.setdefault(answer["id"], name[: len(answer["id"])])


def _curl(request: httpx2.Request) -> str:
    url = urlsplit(str(request.url))
    address = f"{DEFAULT_URL}{url.path}" + (f"?{url.query}" if url.query else "")
    kind = request.headers.get("Content-Type", "")
    parts = ["curl" if request.method == "GET" else f"curl -X {request.method}", f"'{address}'"]
    key = request.headers.get("Idempotency-Key")
    if key is not None:
        parts.append(f"-H 'Idempotency-Key: {key}'")
    if kind.startswith("multipart/form-data"):
        parts += [f"-F {each}" for each in _form_fields(request.read())]
    elif kind:
        parts.append(f"-H 'Content-Type: {kind}'")
        parts.append(_data(kind, request))
    return " \\\n  ".join(parts)


def _data(kind: str, request: httpx2.Request) -> str:
    if kind != "application/json":
        return f"--data-binary @{PHOTO}"
    return "-d '{}'".format(json.dumps(json.loads(request.content)).replace("'", "'\\''"))


def _form_fields(content: bytes) -> list[str]:
    """The fields of a form as curl takes them."""
    found = []
    boundary = content.partition(b"\r\n")[0]
    for part in content.split(boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        assert name is not None
        text = f"@{PHOTO}" if b"filename=" in head else value.removesuffix(b"\r\n").decode()
        found.append(f"'{name[1].decode()}={text}'")
    return found


def main() -> None:
    """Record the examples and write the reference."""
    with tempfile.TemporaryDirectory() as temporary:
        sample, data = Path(temporary, "sample"), Path(temporary, "data")
        draw(sample)
        index_folder(sample / "catalog.csv", data, encoder="hsv")
        with serve(look_through(data)) as server:
            found = record(server.url, photo_folder(sample, Path(temporary, "work")))
    PLACE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    write()


if __name__ == "__main__":
    main()
