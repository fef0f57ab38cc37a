"""What programs of others make of the description: each in an environment of its own.

They are fetched when these slow tests run, at the versions named here, and never beside Eyedex:
they bring other versions of what it uses itself.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.conftest import LiveServer, copy_data, serve

PYTHON_TOOLS = ("openapi-python-client==0.29.1", "mypy==1.19.1", "schemathesis==4.32.5")
NPM_TOOLS = (
    "openapi-typescript@7.13.0",
    "openapi-fetch@0.17.0",
    "typescript@5.9.3",
    "@types/node@20",
)


def run(folder: Path, *command: str | Path, timeout: float = 300) -> str:
    """What a command prints; the test fails where the command does."""
    done = subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs of Python's tools are."""
    place = tmp_path_factory.mktemp("tools")
    run(place, sys.executable, "-m", "venv", place / "venv")
    fetched = subprocess.run(
        [place / "venv" / "bin" / "pip", "install", "--quiet", *PYTHON_TOOLS], check=False
    )
    if fetched.returncode:
        pytest.skip("the tools cannot be fetched")
    return place / "venv" / "bin"


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the modules of npm."""
    if shutil.which("npm") is None:
        pytest.skip("no npm on the PATH")
    place = tmp_path_factory.mktemp("modules")
    fetched = subprocess.run(["npm", "install", "--silent", *NPM_TOOLS], cwd=place, check=False)
    if fetched.returncode:
        pytest.skip("the modules cannot be fetched")
    return place


@pytest.fixture
def served(hsv_data: Path, tmp_path: Path) -> Iterator[LiveServer]:
    """A server of a catalog that the tools may do anything to."""
    with serve(copy_data(hsv_data, tmp_path / "data")) as server:
        yield server


@pytest.fixture
def description(served: LiveServer, tmp_path: Path) -> Path:
    """The description as the server gives it."""
    place = tmp_path / "openapi.json"
    place.write_bytes(httpx2.get(f"{served.url}/openapi.json").content)
    return place
