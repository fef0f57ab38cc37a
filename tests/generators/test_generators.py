"""Clients that others' programs generate from the description: made, type-checked and used."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import LiveServer
from tests.generators.conftest import run

HERE = Path(__file__).parent
KINDS = """
content_type_overrides:
  image/jpeg: application/octet-stream
  application/x-ndjson: application/octet-stream
  text/event-stream: text/plain
"""
"""Kinds of answers that openapi-python-client does not know."""


@pytest.mark.slow
def test_python(
    served: LiveServer, description: Path, tools: Path, shopper_photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "kinds.yaml").write_text(KINDS)
    made = tmp_path / "made"
    generate = (tools / "openapi-python-client", "generate", "--output-path", made)
    said = run(tmp_path, *generate, "--path", description, "--config", tmp_path / "kinds.yaml")
    assert "WARNING parsing" not in said
    program = shutil.copy(HERE / "uses_python.py", made)
    run(made, tools / "mypy", "eyedex_client", program)
    assert run(made, tools / "python", program, served.url, shopper_photo) == "passed\n"


@pytest.mark.slow
def test_typescript(
    served: LiveServer, description: Path, modules: Path, shopper_photo: Path
) -> None:
    npx = ("npx", "--no-install")
    run(modules, *npx, "openapi-typescript", description, "-o", "api.d.ts")
    shutil.copy(HERE / "uses_typescript.ts", modules)
    strictly = (
        "--strict",
        "--target",
        "es2022",
        "--module",
        "node16",
        "--moduleResolution",
        "node16",
    )
    run(modules, *npx, "tsc", *strictly, "--skipLibCheck", "uses_typescript.ts")
    program = modules / "uses_typescript.js"
    assert run(modules, "node", program, served.url, shopper_photo) == "passed\n"
