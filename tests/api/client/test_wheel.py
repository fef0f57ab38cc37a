"""The client as a program gets it that only asks: the wheel, without what the engine needs."""

import sys
from pathlib import Path

import pytest

from tests.conftest import LiveServer
from tests.generators.conftest import run

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from api.client import Client
with Client(sys.argv[1]) as client:
    print(len(client.search(sys.argv[2], k=3)["neighbors"]))
"""


@pytest.mark.slow
def test_it_works_where_nothing_else_is_installed(
    served: LiveServer, shopper_photo: Path, tmp_path: Path
) -> None:
    run(tmp_path, sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("eyedex-*.whl")
    run(tmp_path, sys.executable, "-m", "venv", "venv")
    pip = (tmp_path / "venv" / "bin" / "pip", "install", "--quiet")
    run(tmp_path, *pip, "--no-deps", wheel)
    run(tmp_path, *pip, "httpx2>=2.0", "typing_extensions>=4.12")
    python = tmp_path / "venv" / "bin" / "python"
    assert run(tmp_path, python, "-c", PROGRAM, served.url, shopper_photo) == "3\n"
    listed = run(tmp_path, *(python, "-m", "pip", "list", "--format", "freeze"))
    installed = {line.partition("==")[0] for line in listed.split()}
    assert not {"numpy", "torch", "faiss-cpu", "pydantic", "fastapi"} & installed
