"""The client needs httpx2 and typing_extensions alone, and starts at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import LiveServer

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]
HEAVY = {
    "numpy", "torch", "faiss", "pydantic", "fastapi", "starlette", "PIL", "sqlalchemy", "openvino",
    "typer", "scipy", "sklearn",
}  # fmt: skip
PROGRAM = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {heavy}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocked())
from api.client import Client

with Client({url!r}) as client:
    print(len(client.search({photo!r}, k=3)["neighbors"]))
"""


def test_a_search_needs_nothing_of_the_engine(served: LiveServer, shopper_photo: Path) -> None:
    program = PROGRAM.format(heavy=HEAVY, url=served.url, photo=str(shopper_photo))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.stdout, done.stderr) == ("3\n", "")
