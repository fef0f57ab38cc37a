"""Schemathesis asks every operation whatever the description allows, and much that it does not."""

import re
from pathlib import Path

import pytest

from tests.conftest import LiveServer
from tests.generators.conftest import run

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
"""Not whether a request that fits the description is accepted, or one that does not is refused: of
subjects exactly one has to be there, filters and ids have rules that no schema can say, and numbers
may be texts in JSON as they are in forms. Nor whether a method that is not there is 405: a form is
refused before, wherever it is sent."""
EXAMPLES = 25
KNOWN = """
[parameters]
"path.c" = "default"
"path.item_id" = ["backpack-0001-a", "backpack-0001-b", "new/item"]
"path.file_name" = ["shop.csv", "photo.jpg", "snapshot.tar"]
"""
"""What is there, so that not everything asked for is missing."""


@pytest.mark.slow
def test_no_answer_is_other_than_described(served: LiveServer, tools: Path, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(KNOWN)
    said = run(
        tmp_path,
        *(tools / "schemathesis", "run", f"{served.url}/openapi.json"),
        *("--url", served.url, "--checks", ",".join(CHECKS)),
        *("--max-examples", str(EXAMPLES), "--seed", "7", "--request-timeout", "60"),
        *("--phases", "examples,coverage,fuzzing", "--exclude-operation-id", "watchJob"),
        timeout=1200,
    )
    assert re.search(r"(\d{4,}) generated, \1 passed", said), said[-4000:]
