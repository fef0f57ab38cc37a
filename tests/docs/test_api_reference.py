"""The reference of the API is up to date, and every example in it does what it says."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from api.client.core import DEFAULT_URL
from api.examples import exchanges
from api.reference.__main__ import PAGE, rendered
from api.reference.pages import INTRODUCTION
from api.reference.scenario import EXAMPLES
from tests.api.client.test_javascript import copy_client
from tests.conftest import LiveServer, copy_data, serve
from tests.docs.record import look_through, photo_folder, record

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def served(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    data = copy_data(hsv_data, tmp_path_factory.mktemp("documented") / "data")
    with serve(look_through(data)) as server:
        yield server


@pytest.fixture(scope="module")
def folder(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photo_folder(sample, tmp_path_factory.mktemp("work") / "here")


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_reference_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == rendered(), "run python -m api.reference"


def test_every_operation_has_an_example() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for section in re.split(r"^### ", page.partition("## Schemas")[0], flags=re.MULTILINE)[1:]:
        for language in ("sh", "python", "js"):
            assert blocks(language, section), section.partition("\n")[0]


def close_to(found: Any) -> Any:
    """The same with some tolerance of numbers, as pictures are decoded a little differently, and
    whichever extras are installed."""
    if isinstance(found, dict):
        by_machine = {"installed", "ready"} if found.get("extra") else set()
        return {name: ANY if name in by_machine else close_to(each) for name, each in found.items()}
    if isinstance(found, list):
        return [close_to(each) for each in found]
    return pytest.approx(found, abs=2e-3) if isinstance(found, float) else found


def test_answers_are_as_recorded(served: LiveServer, folder: Path) -> None:
    found = record(served.url, folder)
    assert set(found) == set(exchanges()), "run python -m tests.docs.record"
    for operation, exchange in found.items():
        assert exchange == close_to(exchanges()[operation]), operation


def test_the_introduction_works_in_python(served: LiveServer, folder: Path) -> None:
    names: dict[str, Any] = {"print": lambda *_: None}
    with chdir(folder):
        for block in blocks("python", INTRODUCTION.read_text(encoding="utf-8")):
            exec(compile(block.replace(DEFAULT_URL, served.url), "introduction", "exec"), names)
    names["client"].close()
    assert names["found"]["neighbors"]
    assert names["several"]


def test_all_of_it_works_in_javascript(served: LiveServer, folder: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on the PATH")
    copy_client(folder)
    lines = [each.javascript for each in EXAMPLES if each.operation in exchanges()]
    program = "\n".join([*blocks("js", INTRODUCTION.read_text(encoding="utf-8")), *lines])
    (folder / "all.mjs").write_text(program.replace(DEFAULT_URL, served.url))
    done = subprocess.run(
        [node, "all.mjs"], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_commands_of_curl_are_answered_as_recorded(served: LiveServer, folder: Path) -> None:
    """Those that name nothing that another run calls otherwise."""
    if shutil.which("curl") is None:
        pytest.skip("no curl on the PATH")
    for example in (each for each in EXAMPLES if each.operation in exchanges()):
        exchange = exchanges()[example.operation]
        body = json.dumps(exchange.get("body", ""))
        if re.search(r"/(uploads|jobs)|…|query_token|Idempotency", exchange["curl"] + body):
            continue
        command = exchange["curl"].replace(DEFAULT_URL, served.url)
        done = subprocess.run(
            ["bash", "-c", f"{command} -s -o /dev/null -w '%{{http_code}}'"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == str(exchange["status"]), command
