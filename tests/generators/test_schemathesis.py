"""Schemathesis asks every operation whatever the description allows, and much that it does not."""

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
    "unsupported_method",
)
"""Not whether a request that fits the description is accepted, or one that does not is refused: of
subjects exactly one has to be there, filters and ids have rules that no schema can say, and numbers
may be texts in JSON as they are in forms."""
EXAMPLES = 25


@pytest.mark.slow
def test_no_answer_is_other_than_described(served: LiveServer, tools: Path, tmp_path: Path) -> None:
    said = run(
        tmp_path,
        *(tools / "schemathesis", "run", f"{served.url}/openapi.json"),
        *("--url", served.url, "--checks", ",".join(CHECKS)),
        *("--max-examples", str(EXAMPLES), "--seed", "7", "--request-timeout", "20"),
        *("--phases", "examples,coverage,fuzzing", "--exclude-operation-id", "watchJob"),
        timeout=1200,
    )
    assert "No issues found" in said, said[-4000:]
