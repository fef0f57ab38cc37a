"""Networks exported for OpenVINO: made once, checked on use, without torch and without network."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_engine.encoders.runtime import load_runtime
from search_engine.encoders.runtime.base import Runtime
from search_engine.encoders.runtime.machine_cache import KEPT, find_export, keep_export
from search_engine.encoders.runtime.openvino_export import float_precision, making, read_network
from search_engine.encoders.runtime.openvino_runtime import OpenVinoRuntime
from tests.conftest import once
from tests.contract.small_network import noise, small_network

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.usefixtures("nothing_exported"), pytest.mark.long]

USE_DEFAULT_ENCODER = """
import socket, sys, json
calls = []
def refuse(name):
    def call(*arguments, **options):
        calls.append(name)
        raise OSError("no network in this test")
    return call
class Refusing(socket.socket):
    connect = refuse("connect")
    connect_ex = refuse("connect_ex")
    sendto = refuse("sendto")
socket.socket = Refusing
socket.getaddrinfo = refuse("getaddrinfo")
socket.create_connection = refuse("create_connection")
from pathlib import Path
import numpy as np
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
encoder = create_encoder(
    EncoderRequest(DEFAULT_ENCODER, runtime="openvino", cache=Path(sys.argv[1]))
)
pixels = np.arange(3 * 224 * 224 * 3, dtype=np.uint32).astype(np.uint8).reshape(3, 224, 224, 3)
vectors = encoder.encode(pixels)
print(json.dumps({
    "calls": calls,
    "torch": "torch" in sys.modules,
    "telemetry": sys.modules.get("openvino_telemetry") is not None,
    "vectors": vectors.astype(float).tolist(),
}))
"""


@dataclass(frozen=True)
class Use:
    """What a fresh process saw, and the Internet sockets that the system saw (None: not traced)."""

    seen: dict[str, Any]
    sockets: list[str] | None


def use_default_encoder(cache: Path, trace: Path) -> Use:
    command = [sys.executable, "-c", USE_DEFAULT_ENCODER, str(cache)]
    calls = "trace=socket,connect,sendto,sendmsg,sendmmsg"
    strace = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", calls, "-o", str(trace)]
    traced = _can_trace()
    done = subprocess.run(
        [*strace, *command] if traced else command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "EYEDEX_NETWORK_CACHE": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sockets = re.findall(r".*AF_INET6?\b.*", trace.read_text()) if traced else None
    return Use(json.loads(done.stdout), sockets)


def _can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    probe = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=connect", "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def uses(shared: Path) -> tuple[Use, Use]:
    """The default encoder made in two processes, one after the other, with one cache."""

    def make(folder: Path) -> None:
        folder.mkdir()
        for number in range(2):
            use = use_default_encoder(folder / "encoders", folder / "trace")
            content = {"seen": use.seen, "sockets": use.sockets}
            (folder / f"{number}.json").write_text(json.dumps(content))

    folder = once(shared / "default-encoder-uses", make)
    first, second = (Use(**json.loads((folder / f"{n}.json").read_text())) for n in range(2))
    return first, second


def test_only_the_first_start_needs_torch(uses: tuple[Use, Use]) -> None:
    first, second = uses
    assert first.seen["torch"]
    assert not second.seen["torch"]
    np.testing.assert_allclose(second.seen["vectors"], first.seen["vectors"], atol=1e-6)


@pytest.mark.parametrize("number", [0, 1], ids=["export", "reuse"])
def test_no_network_call_is_made(uses: tuple[Use, Use], number: int) -> None:
    assert uses[number].seen["calls"] == []
    assert not uses[number].seen["telemetry"]


@pytest.mark.parametrize("number", [0, 1], ids=["export", "reuse"])
def test_no_internet_socket_is_opened(uses: tuple[Use, Use], number: int) -> None:
    sockets = uses[number].sockets
    if sockets is None:
        pytest.skip("strace is not usable on this machine")
    assert sockets == []


def test_torchvision_and_timm_can_be_imported_in_a_fresh_process() -> None:
    program = (
        "from search_engine.encoders.torch_imports import import_timm, import_torchvision\n"
        "print(len(import_timm().list_models('resnet18*')) > 0)\n"
        "print(hasattr(import_torchvision().models, 'resnet18'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["True", "True"], done.stderr


@pytest.fixture
def make(tmp_path: Path, shared: Path) -> Callable[[], Runtime]:
    """Loads a small network whose export is in `tmp_path / "encoders"` already."""

    def export(cache: Path) -> None:
        load_runtime("openvino", small_network(cache))

    shutil.copytree(once(shared / "small-export", export), tmp_path / "encoders")
    return lambda: load_runtime("openvino", small_network(tmp_path / "encoders"))


def features(runtime: Runtime) -> list[list[float]]:
    found: list[list[float]] = runtime.run(noise(2)).tolist()
    return found


def export_in(folder: Path) -> Path:
    (export,) = (path for path in (folder / "encoders").iterdir() if path.is_dir())
    return export


def exported(folder: Path) -> dict[str, bytes]:
    export = export_in(folder)
    return {path.name: path.read_bytes() for path in export.iterdir()}


def test_a_sound_export_is_used_again(tmp_path: Path, make: Callable[[], Runtime]) -> None:
    made = features(make())
    export = export_in(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in export.iterdir()}
    assert features(make()) == made
    assert {path: path.stat().st_mtime_ns for path in export.iterdir()} == before


@pytest.mark.parametrize("damage", ["flip bin", "flip xml", "cut bin", "no seal", "old seal"])
def test_a_damaged_or_foreign_export_is_made_anew(
    tmp_path: Path, make: Callable[[], Runtime], damage: str
) -> None:
    made = features(make())
    before = exported(tmp_path)
    export = export_in(tmp_path)
    _damage(export, damage)
    assert exported(tmp_path) != before
    assert features(make()) == made
    assert sorted(exported(tmp_path)) == ["network.bin", "network.xml", "seal.json"]
    assert exported(tmp_path)["network.bin"] == before["network.bin"]


def _damage(export: Path, damage: str) -> None:
    action, which = damage.split()
    if which == "seal":
        if action == "no":
            (export / "seal.json").unlink()
        else:
            seal = json.loads((export / "seal.json").read_text())
            (export / "seal.json").write_text(json.dumps({**seal, "openvino": "2020.1"}))
        return
    path = export / f"network.{which}"
    data = bytearray(path.read_bytes())
    if action == "cut":
        data = data[:-1]
    else:
        data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.fixture
def machine(tmp_path: Path, make: Callable[[], Runtime], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of a machine where the small network was made for another data directory."""
    monkeypatch.setenv("EYEDEX_NETWORK_CACHE", str(tmp_path / "machine"))
    source = small_network(tmp_path / "encoders")
    keep_export(export_in(tmp_path), source.spec.fingerprint, making(float_precision()))
    return tmp_path / "machine"


def not_built() -> Any:
    raise AssertionError("the network was built again")


def test_another_data_directory_does_not_make_a_network_again(
    tmp_path: Path, make: Callable[[], Runtime], machine: Path
) -> None:
    other = replace(small_network(tmp_path / "other" / "encoders"), build=not_built)
    network = read_network(other, float_precision())
    assert OpenVinoRuntime(network, other.spec.dimension, "", float_precision()).run(noise(2)).any()
    assert exported(tmp_path / "other") == exported(tmp_path)


def test_a_damaged_network_of_the_machine_is_not_used(tmp_path: Path, machine: Path) -> None:
    (kept,) = machine.iterdir()
    (kept / "network.bin").write_bytes(b"damaged")
    other = replace(small_network(tmp_path / "other" / "encoders"), build=not_built)
    with pytest.raises(AssertionError, match="built again"):
        read_network(other, float_precision())


def test_the_machine_keeps_the_networks_used_last(tmp_path: Path, machine: Path) -> None:
    export, way = export_in(tmp_path), making(float_precision())
    for number in range(KEPT):
        keep_export(export, f"{number:016x}", way)
    assert len([*machine.iterdir()]) == KEPT
    assert find_export(small_network().spec.fingerprint, way) is None
    assert find_export(f"{KEPT - 1:016x}", way) is not None


def test_a_machine_without_a_cache_keeps_nothing(
    tmp_path: Path, make: Callable[[], Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    for given in ("", str(tmp_path / "file" / "below")):
        monkeypatch.setenv("EYEDEX_NETWORK_CACHE", given)
        keep_export(export_in(tmp_path), "ab", making(float_precision()))
        assert find_export("ab", making(float_precision())) is None
