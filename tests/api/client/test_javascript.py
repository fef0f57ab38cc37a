"""The JavaScript client in Node, against a real server; browser tests use it as the page does."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from api.openapi import operations
from tests.api.described import document
from tests.conftest import LiveServer

HERE = Path(__file__).parent
JS = Path(__file__).parents[3] / "api" / "web" / "js"


@pytest.mark.slow
def test_every_operation_works_in_node(
    served: LiveServer, shopper_photo: Path, tmp_path: Path
) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on the PATH")
    copy_client(tmp_path)
    shutil.copy(HERE / "client_test.mjs", tmp_path)
    names = json.dumps([each["operationId"] for each in operations(document())])
    done = subprocess.run(
        [node, str(tmp_path / "client_test.mjs"), served.url, str(shopper_photo), names],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("passed\n", "")


def copy_client(folder: Path) -> None:
    """Put the client where Node takes its files for modules."""
    for name in ("client.js", "search_client.js"):
        shutil.copy(JS / name, folder)
    (folder / "package.json").write_text('{"type": "module"}')
