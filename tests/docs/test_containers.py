"""The compose file by its schema, and what it names, run without a container engine."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from sqlalchemy import make_url

from api.cli.exits import Exit
from indexer.executors.cluster import check_form
from search_engine.config import Settings
from tests import postgres
from tests.conftest import copy_data, free_port, serve

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
ALERTS = ROOT / "api" / "deploy" / "alerts.yml"
DOCKERFILE = ROOT / "api" / "Dockerfile"


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    described = yaml.safe_load(COMPOSE.read_text())["services"]
    assert isinstance(described, dict)
    return described


@pytest.fixture(scope="module")
def service(services: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return services["api"]


def test_the_compose_file_is_valid() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(COMPOSE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_ports_are_published_on_loopback_only(services: dict[str, dict[str, Any]]) -> None:
    published = [port for each in services.values() for port in each.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_only_the_api_starts_without_a_profile(services: dict[str, dict[str, Any]]) -> None:
    assert [name for name, each in services.items() if "profiles" not in each] == ["api"]


def test_every_service_is_hardened_watched_and_pinned(services: dict[str, dict[str, Any]]) -> None:
    for name, each in services.items():
        assert each["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in each["security_opt"], name
        assert each["healthcheck"]["test"][0] == "CMD", name
        is_own = each["image"].startswith("eyedex")
        assert is_own or re.search(r":[^:/]*\d+\.?[^:/]*$", each["image"]), name


def test_no_password_stands_in_the_file(services: dict[str, dict[str, Any]]) -> None:
    for name, each in services.items():
        for setting in each.get("environment", {}):
            is_secret = re.search("PASSWORD|SECRET|TOKEN|_KEY$", setting)
            assert not is_secret or setting.endswith("_FILE"), (name, setting)


def test_what_is_mounted_is_there(services: dict[str, dict[str, Any]]) -> None:
    for each in services.values():
        for volume in each.get("volumes", ()):
            if volume.startswith("./"):
                assert (ROOT / volume.split(":")[0]).is_file(), volume


def test_the_kubernetes_base_is_whole_and_hardened() -> None:
    folder = ROOT / "api" / "deploy" / "kubernetes"
    base = yaml.safe_load((folder / "kustomization.yaml").read_text())
    objects = [yaml.safe_load((folder / name).read_text()) for name in base["resources"]]
    assert {each["kind"] for each in objects} == {"Deployment", "Service", "PersistentVolumeClaim"}
    assert {path.name for path in folder.iterdir()} == {*base["resources"], "kustomization.yaml"}
    pod = next(each for each in objects if each["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert str(pod["securityContext"]["runAsUser"]) in DOCKERFILE.read_text()
    for container in (*pod["initContainers"], *pod["containers"]):
        assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert "--insecure" not in pod["containers"][0]["command"]


@pytest.mark.long
def test_the_first_start_makes_one_key(tmp_path: Path) -> None:
    described = (ROOT / "api" / "deploy" / "kubernetes" / "server.yaml").read_text()
    (starting,) = yaml.safe_load(described)["spec"]["template"]["spec"]["initContainers"]
    bin_path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {**os.environ, "EYEDEX_DATA": str(tmp_path / "data"), "PATH": bin_path}
    shown = [
        subprocess.run(starting["command"], env=environ, capture_output=True, check=True).stdout
        for _ in range(2)
    ]
    assert shown[0].startswith(b"eyedex_")
    assert shown[1] == b""


def test_dashboard_and_alerts_ask_for_what_the_server_tells(hsv_data: Path, tmp_path: Path) -> None:
    shown = (ROOT / "api" / "deploy" / "grafana" / "eyedex.json").read_text()
    asked = set(re.findall(r"\b(?:eyedex|process)_\w+", shown + ALERTS.read_text()))
    data = tmp_path / "data"
    copy_data(hsv_data, data)
    with serve(data, "--metrics") as server, urlopen(f"{server.url}/metrics") as answer:
        told = set(re.findall(r"^# TYPE (\w+)", answer.read().decode(), re.MULTILINE))
    parts = re.compile("_(bucket|sum|count)$")
    assert {name if name in told else parts.sub("", name) for name in asked} <= told
    assert len(asked) > 10


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
    assert api["build"]["args"]["EXTRAS"] == "postgres"


def test_the_profile_with_ray_keeps_to_itself(services: dict[str, dict[str, Any]]) -> None:
    described = yaml.safe_load(COMPOSE.read_text())
    nodes = [each for each in services.values() if each.get("profiles") == ["ray"]]
    assert len(nodes) == 2
    assert described["networks"]["ray"] == {"internal": True}
    for each in nodes:
        assert each["networks"] == ["ray"]
        assert "ports" not in each
        assert each["read_only"] is True
        assert each["build"]["args"]["EXTRAS"] == "ray"
        assert "data:/data" in each["volumes"]  # where what is embedded lies, for all of them
        settings = {n: text for n, text in each["environment"].items() if n.startswith("EYEDEX_")}
        assert check_form(Settings.from_env(settings).ray_address)
        assert each["command"][:2] == ["ray", "start"]


def test_the_job_for_kuberay_runs_on_what_its_nodes_share(tmp_path: Path) -> None:
    job = yaml.safe_load((ROOT / "api" / "deploy" / "kuberay" / "job.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        pod = group["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        (container,) = pod["containers"]
        assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
        assert {"name": "data", "mountPath": "/data"} in container["volumeMounts"]
        assert pod["volumes"] == groups[0]["template"]["spec"]["volumes"]
    program, verb, *flags = job["spec"]["entrypoint"].split()
    assert (program, verb) == ("eyedex", "index")
    command = [sys.executable, "-m", "api.cli.main", verb, str(tmp_path / "away"), *flags[1:]]
    environ = {**os.environ, "EYEDEX_DATA": str(tmp_path / "data")}
    done = subprocess.run(
        command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == Exit.CATALOG_UNUSABLE, done.stderr  # all flags are known


def test_the_health_check_of_postgresql_sees_it(cluster: postgres.Cluster) -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    program, *arguments = services["postgres"]["healthcheck"]["test"][1:]
    found = postgres.programs()
    assert found is not None
    for folder, wanted in ((cluster.folder, 0), (cluster.folder / "away", 2)):
        asked = [str(found / program), *arguments, "--host", str(folder)]
        done = subprocess.run(asked, stdout=subprocess.DEVNULL, check=False)
        assert done.returncode == wanted


@pytest.mark.long
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
        name: text.rpartition(":-")[2].rstrip("}")
        for name, text in service["environment"].items()
        if name != "EYEDEX_DATA"
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
