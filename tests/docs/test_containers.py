"""The compose file by its schema, and what it names, run without a container engine."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import make_url

from search_engine.config import Settings
from tests import postgres
from tests.conftest import copy_data, free_port, serve

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "api" / "Dockerfile"


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    described = yaml.safe_load(COMPOSE.read_text())["services"]["api"]
    assert isinstance(described, dict)
    return described


def test_the_compose_file_is_valid() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(COMPOSE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_port_is_published_on_loopback_only(service: dict[str, Any]) -> None:
    assert service["ports"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_service_runs_with_few_rights(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert re.search(r"^USER (?!root)\w+", DOCKERFILE.read_text(), re.MULTILINE)


def test_the_profile_with_postgresql_has_no_password_and_opens_no_port_of_it() -> None:
    described = yaml.safe_load(COMPOSE.read_text())
    services = described["services"]
    database, api = services["postgres"], services["api-postgres"]
    assert re.fullmatch(r"postgres:\d+\.\d+-bookworm", database["image"])
    assert database["profiles"] == api["profiles"] == ["postgres"]
    assert "ports" not in database
    assert "POSTGRES_PASSWORD" not in database["environment"]
    assert database["environment"]["POSTGRES_PASSWORD_FILE"].endswith("/postgres-password")
    assert api["depends_on"]["postgres"]["condition"] == "service_healthy"
    Settings.from_env(api["environment"])
    assert make_url(api["environment"]["EYEDEX_DATABASE_URL"]).password is None
    assert "[postgres]" in DOCKERFILE.read_text()


def test_the_health_check_of_postgresql_sees_it(cluster: postgres.Cluster) -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    program, *arguments = services["postgres"]["healthcheck"]["test"][1:]
    found = postgres.programs()
    assert found is not None
    for folder, wanted in ((cluster.folder, 0), (cluster.folder / "away", 2)):
        asked = [str(found / program), *arguments, "--host", str(folder)]
        done = subprocess.run(asked, stdout=subprocess.DEVNULL, check=False)
        assert done.returncode == wanted


def test_the_command_serves_and_the_health_check_sees_it(
    service: dict[str, Any], hsv_data: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    copy_data(hsv_data, data)
    command, health = list(service["command"]), list(service["healthcheck"]["test"])
    assert command[:2] == ["eyedex", "serve"]
    assert health[:2] == ["CMD", "python"]
    extra = [word for word in command[2:] if word not in ("--port", "8000")]
    settings = {
        name: text for name, text in service["environment"].items() if name != "EYEDEX_DATA"
    }
    with serve(data, *extra, env=settings) as server:
        check = [word.replace("http://127.0.0.1:8000", server.url) for word in health[2:]]
        assert subprocess.run([sys.executable, *check], cwd=ROOT, check=False).returncode == 0
    refused = [word.replace(":8000", f":{free_port()}") for word in health[2:]]
    done = subprocess.run(
        [sys.executable, *refused], cwd=ROOT, capture_output=True, check=False, env=os.environ
    )
    assert done.returncode == 1


def test_what_the_dockerfile_copies_is_there_and_not_ignored() -> None:
    ignored = (ROOT / "api" / "Dockerfile.dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE):
        for source in line.split():
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored, source


def test_dockerfile_and_compose_agree(service: dict[str, Any]) -> None:
    text = DOCKERFILE.read_text()
    assert str(service["command"]).replace("'", '"') in text
    assert str(service["healthcheck"]["test"][1:]).replace("'", '"') in text
