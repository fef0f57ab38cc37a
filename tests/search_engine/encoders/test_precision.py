"""A lower precision is used only where it was seen to be near enough, and what was seen is kept."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from search_engine.encoders.runtime import precision
from search_engine.encoders.runtime.base import LEAST_ON_PROBES, NetworkSource, Runtime
from search_engine.encoders.runtime.openvino_runtime import openvino_runtime
from search_engine.encoders.runtime.precision import least_cosine, lowest_precision
from search_engine.encoders.runtime.probes import COUNT, probe_pictures
from search_engine.encoders.runtime.torch_runtime import reference_runtime, torch_runtime
from search_engine.records import Pixels
from tests.contract.small_network import DIMENSION, SPEC, noise, small_network

SIDE_PX = SPEC.preprocessing.size_px


@pytest.fixture(autouse=True)
def new_process(nothing_exported: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known yet, as when a process starts."""
    monkeypatch.setattr(precision, "_measured", {})


@pytest.fixture
def source(tmp_path: Path) -> NetworkSource:
    return small_network(tmp_path / "encoders")


class Rounded:
    """Features of the small network that stray from float32 by some share of themselves."""

    lanes = 1

    def __init__(self, source: NetworkSource, stray: float, remark: str = "") -> None:
        self._reference = reference_runtime(source)
        self._stray = stray
        self.description = f"rounded {stray}" + remark

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        features = self._reference.run(pixels)
        signs = np.where(np.arange(DIMENSION) % 2, 1, -1)
        return np.asarray(features * (1 + self._stray * signs), dtype=np.float32)


def choose(source: NetworkSource, stray: float, way: str = "some way") -> str:
    """What is chosen where the lower precision strays so much."""
    return lowest_precision(
        source,
        way,
        lambda: Rounded(source, stray),
        lambda remark: Rounded(source, 0.0, f" ({remark})"),
        reference_runtime,
    ).description


def kept(source: NetworkSource) -> dict[str, float]:
    assert source.cache is not None
    path = source.cache / f"{SPEC.fingerprint}-precision.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def test_a_precision_that_is_near_enough_is_used(source: NetworkSource) -> None:
    assert choose(source, 0.01) == "rounded 0.01"


def test_one_that_is_not_is_not_and_that_is_said(source: NetworkSource) -> None:
    assert choose(source, 0.2).startswith("rounded 0.0 (bfloat16 reached only 0.9")


def test_it_is_measured_once_also_by_other_processes(
    source: NetworkSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(source, 0.2)
    (reached,) = kept(source).values()
    assert 0.98 < reached < LEAST_ON_PROBES
    monkeypatch.setattr(precision, "_measured", {})
    monkeypatch.setattr(precision, "least_cosine", None)  # cannot be called any more
    assert choose(source, 0.0).startswith("rounded 0.0 (bfloat16 reached only")


class Unable(Rounded):
    """What a runtime is whose precision the processor has no layer for."""

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        raise RuntimeError("node is not initialized")


def test_one_that_cannot_compute_is_not_used_and_not_tried_again(source: NetworkSource) -> None:
    tried = []

    def unable() -> Rounded:
        tried.append(1)
        return Unable(source, 0.0)

    for _ in range(2):
        chosen = lowest_precision(
            source,
            "some way",
            unable,
            lambda remark: Rounded(source, 0.0, f" ({remark})"),
            reference_runtime,
        )
        assert chosen.description == "rounded 0.0 (bfloat16 does not work here)"
    assert len(tried) == 1


@pytest.mark.parametrize("other", ["way", "processor"])
def test_what_decides_the_rounding_is_measured_apart(
    source: NetworkSource, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    choose(source, 0.2)
    if other == "processor":
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    assert choose(source, 0.01, "other way" if other == "way" else "some way") == "rounded 0.01"
    assert len(kept(source)) == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"some way": []}'])
def test_a_damaged_record_is_made_anew(source: NetworkSource, damage: str) -> None:
    assert source.cache is not None
    choose(source, 0.2)
    (path,) = source.cache.iterdir()
    path.write_text(damage)
    precision._measured.clear()
    assert choose(source, 0.01) == "rounded 0.01"
    assert len(kept(source)) == 1


def test_where_nothing_can_be_written_it_is_remembered(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    source = small_network(tmp_path / "file" / "encoders")
    assert choose(source, 0.2).startswith("rounded 0.0 (")
    assert choose(source, 0.01).startswith("rounded 0.0 ("), "it was measured already"


def test_numbers_that_are_none_are_far_from_float32(source: NetworkSource) -> None:
    assert least_cosine(Rounded(source, np.nan), reference_runtime(source), SIDE_PX) == 0.0


@pytest.mark.parametrize("load", [torch_runtime, openvino_runtime])
def test_a_runtime_falls_back_to_float32(
    source: NetworkSource,
    monkeypatch: pytest.MonkeyPatch,
    load: Callable[[NetworkSource], Runtime],
) -> None:
    """If nothing is near enough; where bfloat16 is not native it is float32 anyway."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    pixels = noise(8)
    runtime = load(replace(source, least_on_probes=1.1))
    assert " float32 on CPU" in runtime.description
    assert ("bfloat16 reached" in runtime.description) == bool(kept(source))
    wanted = reference_runtime(source).run(pixels)
    np.testing.assert_allclose(runtime.run(pixels), wanted, rtol=1e-3, atol=1e-4)


def test_probes_differ_and_are_always_the_same() -> None:
    pixels = probe_pictures(64)
    assert pixels.shape == (COUNT, 64, 64, 3)
    np.testing.assert_array_equal(pixels, probe_pictures(64))
    assert len({picture.tobytes() for picture in pixels}) == COUNT
    assert pixels.std(axis=(1, 2, 3)).min() > 5
