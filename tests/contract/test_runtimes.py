"""What every runtime does, over every choice there is, with a small network."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from search_engine.adapt import int8_gate
from search_engine.adapt.int8 import Sample, calibrate_with
from search_engine.encoders.base import unit_rows
from search_engine.encoders.batching import BatchedRuntime
from search_engine.encoders.runtime import (
    RuntimeChoice,
    load_runtime,
    present_choices,
    torch_runtime,
)
from search_engine.encoders.runtime.base import NetworkSource, Runtime
from search_engine.encoders.runtime.int8 import has_int8
from search_engine.errors import EncoderError
from search_engine.records import Pixels
from tests.conftest import once
from tests.contract.conftest import parse_runtime
from tests.contract.small_network import CONVOLUTIONS, DIMENSION, SPEC, noise, small_network

ROOT = Path(__file__).parents[2]
CALIBRATION_PICTURES = 32
MIN_AGREEMENT = {"openvino-int8": 0.99}
"""Of others: 0.999."""

needs_nncf = pytest.mark.skipif(find_spec("nncf") is None, reason="NNCF is not installed")

CHOICES = [
    pytest.param(choice, marks=needs_nncf if choice == "openvino-int8" else ())
    for choice in get_args(RuntimeChoice)
]


USE_INT8 = """
import json, socket, sys
calls = []
def refuse(*arguments, **options):
    calls.append(str(arguments))
    raise OSError("no network in this test")
socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = refuse
socket.getaddrinfo = socket.create_connection = refuse
from pathlib import Path
from search_engine.adapt.int8 import Sample, calibrate_with
from search_engine.encoders.runtime import load_runtime
from tests.contract.small_network import noise, small_network
source, pictures = small_network(Path(sys.argv[1])), int(sys.argv[2])
if pictures:
    assert not calibrate_with(source, Sample(noise(pictures), [None] * pictures)).refusals
features = load_runtime("openvino-int8", source).run(noise(3))
found = [name for name in ("torch", "nncf") if name in sys.modules]
print(json.dumps({"calls": calls, "imported": found, "rows": len(features)}))
"""


def use_int8(cache: Path, pictures: int = 0) -> dict[str, Any]:
    """What a process sees that uses the small network in int8, after calibrating with pictures."""
    done = subprocess.run(
        [sys.executable, "-c", USE_INT8, str(cache), str(pictures)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 1, "nothing but what is asked for goes to stdout"
    return dict(json.loads(lines[0]))


@pytest.fixture(scope="module")
def calibrated(shared: Path) -> Path:
    """`encoders`, with the small network calibrated for int8 where that is possible; `made.json`,
    what the process saw that did so."""

    def make(folder: Path) -> None:
        (folder / "encoders").mkdir(parents=True)
        if find_spec("nncf"):
            seen = use_int8(folder / "encoders", 2 * CALIBRATION_PICTURES)
            (folder / "made.json").write_text(json.dumps(seen))

    return once(shared / "small-network", make)


@pytest.fixture(scope="module")
def source(calibrated: Path) -> NetworkSource:
    return small_network(calibrated / "encoders")


@pytest.fixture(scope="module")
def reference(source: NetworkSource) -> Runtime:
    return load_runtime("torch-float32", source)


@pytest.fixture(scope="module", params=CHOICES)
def choice(request: pytest.FixtureRequest) -> RuntimeChoice:
    return parse_runtime(request.param)


@pytest.fixture(scope="module")
def runtime(choice: RuntimeChoice, source: NetworkSource) -> Runtime:
    return load_runtime(choice, source)


def agreement(some: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    return float(np.vecdot(unit_rows(some), unit_rows(others)).min())


def assert_equal(some: NDArray[np.float32], others: NDArray[np.float32]) -> None:
    """But for the rounding that differs with the size of a batch."""
    assert some.shape == others.shape
    assert agreement(some, others) > 0.99995


def test_agrees_with_float32_torch(
    choice: RuntimeChoice, runtime: Runtime, reference: Runtime
) -> None:
    pixels = noise(40, seed=1)
    found = agreement(runtime.run(pixels), reference.run(pixels))
    assert found >= MIN_AGREEMENT.get(choice, 0.999)


@pytest.mark.parametrize("count", [1, 2, 7, 64, 65, 130])
def test_the_number_of_pictures_does_not_matter(runtime: Runtime, count: int) -> None:
    pixels = noise(130, seed=2)
    features = runtime.run(pixels[:count])
    assert features.shape == (count, DIMENSION)
    assert features.dtype == np.float32
    for row in (0, count // 2, count - 1):
        assert_equal(features[row : row + 1], runtime.run(pixels[row : row + 1]))
    assert_equal(features[::-1], runtime.run(pixels[:count][::-1]))


def test_results_are_not_overwritten_by_the_next_run(runtime: Runtime) -> None:
    pixels = noise(4, seed=3)
    features = runtime.run(pixels)
    before = features.copy()
    runtime.run(255 - pixels)
    np.testing.assert_array_equal(features, before)


def test_the_input_may_be_read_only_and_strided(runtime: Runtime) -> None:
    pixels = noise(6, seed=4)
    before = pixels.copy()
    pixels.flags.writeable = False
    features = runtime.run(pixels)
    np.testing.assert_array_equal(pixels, before)
    assert_equal(runtime.run(np.repeat(pixels, 2, axis=0)[::2]), features)


def test_many_threads_get_their_own(runtime: Runtime) -> None:
    pixels = noise(48, seed=5)
    expected = runtime.run(pixels)
    batched = BatchedRuntime(lambda: runtime)
    parts = [slice(first, first + 1 + first % 5) for first in range(0, 48, 2)] * 3

    def ask(part: slice) -> NDArray[np.float32]:
        return batched.run(pixels[part])

    with ThreadPoolExecutor(8) as pool:
        for part, features in zip(parts, pool.map(ask, parts), strict=True):
            assert_equal(features, expected[part])


def test_says_what_it_computes_in_and_on(choice: RuntimeChoice, runtime: Runtime) -> None:
    name, precision, _, device, *remark = runtime.description.split()
    assert name == "openvino" if choice.startswith("openvino") else name in ("torch", "openvino")
    wanted = {"openvino-int8": {"int8"}, "torch-float32": {"float32"}}
    assert precision in wanted.get(choice, {"bfloat16", "float32"})
    assert device in ("CPU", "CUDA")
    assert remark == [] or precision == "float32"


def test_the_choices_that_are_here_can_be_loaded(source: NetworkSource, tmp_path: Path) -> None:
    present = present_choices(source)
    assert {"torch", "torch-float32"} <= set(present) < set(get_args(RuntimeChoice))
    assert ("openvino-int8" in present) == (find_spec("nncf") is not None)
    assert "openvino-int8" not in present_choices(small_network(tmp_path))
    assert "openvino-int8" not in present_choices(small_network())


def test_a_cpu_without_bfloat16_computes_in_float32(
    source: NetworkSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    assert load_runtime("torch", source).description == "torch float32 on CPU"


@pytest.mark.parametrize("precise", [0, CONVOLUTIONS])
def test_the_first_layers_stay_in_float32(
    source: NetworkSource, reference: Runtime, monkeypatch: pytest.MonkeyPatch, precise: int
) -> None:
    """If they are all of the network, the features are those of float32."""
    monkeypatch.setattr(torch_runtime, "PRECISE_CONVOLUTIONS", precise)
    pixels = noise(8, seed=6)
    features = torch_runtime.TorchRuntime(source, "cpu", half=True).run(pixels)
    np.testing.assert_equal(np.allclose(features, reference.run(pixels), atol=1e-5), precise > 0)


def test_int8_that_was_not_made_is_refused_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="small") as caught:
        load_runtime("openvino-int8", small_network(tmp_path))
    assert "eyedex encoders --calibrate-int8" in str(caught.value.fix)
    with pytest.raises(EncoderError, match="data directory"):
        load_runtime("openvino-int8", small_network())


@needs_nncf
@pytest.mark.parametrize("damage", ["flip", "cut", "no seal", "other recipe"])
def test_int8_that_is_damaged_or_foreign_is_refused(
    source: NetworkSource, tmp_path: Path, damage: str
) -> None:
    assert source.cache is not None
    shutil.copytree(source.cache, tmp_path / "encoders")
    copied = small_network(tmp_path / "encoders")
    assert has_int8(copied)
    _damage(tmp_path / "encoders" / f"{SPEC.fingerprint}-int8", damage)
    assert not has_int8(copied)
    with pytest.raises(EncoderError, match="int8"):
        load_runtime("openvino-int8", copied)


def _damage(export: Path, damage: str) -> None:
    seal, weights = export / "seal.json", export / "network.bin"
    data = bytearray(weights.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
        weights.write_bytes(data)
    elif damage == "cut":
        weights.write_bytes(data[:-1])
    elif damage == "no seal":
        seal.unlink()
    else:
        made = json.loads(seal.read_text())
        seal.write_text(json.dumps({**made, "float_convolutions": 99}))


@pytest.mark.long
@needs_nncf
def test_int8_that_is_not_good_enough_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = small_network(tmp_path)
    monkeypatch.setattr(int8_gate, "LEAST_COSINE", 1.1)
    assert len(calibrate_with(made, Sample(noise(16), [None] * 16)).refusals) == 2
    assert not has_int8(made)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
@needs_nncf
def test_calibrating_asks_no_network_and_using_it_needs_neither_torch_nor_nncf(
    calibrated: Path,
) -> None:
    assert json.loads((calibrated / "made.json").read_text())["calls"] == []
    assert use_int8(calibrated / "encoders") == {"calls": [], "imported": [], "rows": 3}


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("count", [1, 64, 65, 300])
def test_a_gpu_agrees_with_the_cpu(
    source: NetworkSource, reference: Runtime, half: bool, count: int
) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA GPU")
    pixels: Pixels = noise(count, seed=7)
    runtime = torch_runtime.TorchRuntime(source, "cuda", half)
    assert runtime.lanes == 2
    for _ in range(3):  # the buffers are used again and again
        assert agreement(runtime.run(pixels), reference.run(pixels)) >= 0.999


FIRST_QUERIES = """
import sys, threading
from pathlib import Path
from search_engine.encoders.runtime import load_runtime
from tests.contract.small_network import noise, small_network

runtime = load_runtime("openvino", small_network(Path(sys.argv[1])))
gate = threading.Barrier(8)
sys.setswitchinterval(1e-6)

def first() -> None:
    gate.wait()
    runtime.run(noise(1))

threads = [threading.Thread(target=first) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.parametrize("processes", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_the_very_first_queries_may_come_at_once(source: NetworkSource, processes: int) -> None:
    """In processes that never used the runtime before: openvino's first array is a race."""
    for _ in range(processes):
        subprocess.run(
            [sys.executable, "-c", FIRST_QUERIES, str(source.cache)],
            cwd=ROOT,
            timeout=60,
            check=True,
        )


SIGNALLED = """
import gc, signal, sys, threading
from pathlib import Path
from search_engine.encoders.runtime import load_runtime
from tests.contract.small_network import noise, small_network

signal.signal(signal.SIGTERM, lambda *_: print("handled"))
opened = [load_runtime("openvino", small_network(Path(sys.argv[1])))]
opened[0].run(noise(1))

def give_up():
    opened.clear()
    gc.collect()

thread = threading.Thread(target=give_up)
thread.start()
thread.join()
signal.raise_signal(signal.SIGTERM)
"""


def test_a_signal_is_handled_after_another_thread_gave_up_a_network(source: NetworkSource) -> None:
    """OpenVINO's plugin takes the stack for signals with it when it is unloaded (AMX only)."""
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED, str(source.cache)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
