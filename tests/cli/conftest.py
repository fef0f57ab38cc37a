"""The command line, run in this process and in one of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from api.cli.main import main
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.storage.paths import DataPaths
from tests.conftest import once
from tests.contract.conftest import save_weights
from tests.images.pictures import png

COMMAND = (sys.executable, "-m", "api.cli.main")
COLOURS = ("red", "green", "blue", "orange", "purple", "white")
SMALL_NETWORK = "timm:test_efficientnet"
"""Of a 13th of the default one's weights, for pictures of 160 pixels; like it in its layers."""


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one line of JSON on stdout."""
        (line,) = self.out.splitlines()
        return json.loads(line)

    @property
    def error(self) -> str:
        """The one line on stderr that tells the error."""
        (line,) = [line for line in self.err.splitlines() if line.startswith("error: ")]
        return line


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("EYEDEX_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """`run("index", folder, "--json")`: the command in this process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def call(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["eyedex", *map(str, arguments)])
        capsys.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        captured = capsys.readouterr()
        assert isinstance(code, int)
        assert "Traceback" not in captured.err
        return Ran(int(code), captured.out, captured.err)

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


def run_outside(*arguments: object) -> Ran:
    """The command in a process of its own."""
    done = subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True)
    return Ran(done.returncode, done.stdout, done.stderr)


def colour_picture(number: int) -> bytes:
    """A small picture, different for every number."""
    image = Image.new("RGB", (20, 20), COLOURS[number % len(COLOURS)])
    image.putpixel((number % 20, number // 20 % 20), (number % 256, number // 256 % 256, 7))
    return png(image)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures in two sub-folders: A/0.png, B/1.png, A/2.png, ..."""
    root = tmp_path / "pictures"
    for number in range(6):
        path = root / "AB"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(colour_picture(number))
    return root


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where a data directory can be."""
    return tmp_path / "data"


Index = Callable[..., Ran]


@pytest.fixture
def index(run: Run, data: Path) -> Index:
    """`index(source, ...)`: `eyedex index` by the hsv encoder, with JSON."""

    def call(source: Path, *arguments: object) -> Ran:
        return run(
            "index",
            source,
            "--data",
            data,
            "--encoder",
            "hsv",
            "--workers",
            1,
            "--json",
            *arguments,
        )

    return call


@pytest.fixture(scope="session")
def shopper(sample: Path) -> Path:
    """The table of the shopper photos."""
    return sample / "shopper" / "shopper.csv"


Rejects = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def rejects(data: Path) -> Rejects:
    """The rows that the last run refused."""

    def read() -> list[dict[str, Any]]:
        text = (data / "rejects.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    return read


def contents(run: Run, data: Path) -> str:
    """A digest of all that a data directory's default collection holds."""
    (collection,) = run("check", "--data", data, "--json").json["collections"]
    return f"{collection['items']} {collection['digest']} {collection['generation']}"


def counts(ran: Ran) -> tuple[int, int, int, int, int]:
    """Added, updated, unchanged, removed, rejected."""
    report = ran.json
    return (
        report["added"],
        report["updated"],
        report["unchanged"],
        report["removed"],
        report["rejected"],
    )


@pytest.fixture(scope="session")
def network_data(shared: Path, sample: Path) -> Path:
    """A data directory with the drawn catalog indexed by a small network. Do not change it.

    Its weights are drawn by lot. It is exported with features of several layers too.
    """

    def make(folder: Path) -> None:
        folder.mkdir()
        weights = save_weights(SMALL_NETWORK, folder / "weights.pth")
        settings = Settings(data=folder / "data", workers=2)
        request = IndexRequest(encoder=SMALL_NETWORK, weights=weights)
        assert index_source(open_source(sample / "catalog.csv"), request, settings).rejected == 0
        exported = DataPaths(folder / "data").encoders
        create_encoder(EncoderRequest(SMALL_NETWORK, weights, pooling="multi", cache=exported))

    return once(shared / "network-data", make) / "data"


Feed = Callable[..., Path]
Items = Callable[[], dict[str, dict[str, Any]]]


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    """`feed("full.csv", header, row, ...)`: a table beside ten pictures, 0.png to 9.png."""
    for number in range(10):
        (tmp_path / f"{number}.png").write_bytes(colour_picture(number))

    def write(name: str, *lines: str) -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def items(run: Run, data: Path, tmp_path: Path) -> Items:
    """The items of the catalog by id, each with its label, product and attributes."""

    def read() -> dict[str, dict[str, Any]]:
        found = run("search", tmp_path / "0.png", "--data", data, "-k", 50, "--json").json
        columns = ("label", "product_id", "attributes")
        return {
            each["item_id"]: {name: each[name] for name in columns} for each in found["neighbors"]
        }

    return read
