"""A lower precision only where it is near enough to float32: measured on this processor, and kept.

How far bfloat16 strays depends on the network and on how a processor adds up: with the same
weights one reaches a cosine of 0.9994 and another 0.9990. So what a runtime reaches is measured on
made-up pictures, once for each network, way of computing and processor.
"""

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.runtime.base import NetworkSource, Runtime
from search_engine.encoders.runtime.probes import probe_pictures

LEAST_ON_PROBES = 0.9991
"""Cosine to float32 that each made-up picture has to reach, so that others reach 0.999. The default
network reaches 0.9993; MobileNetV3 with weights drawn by chance, of whose photos some fall below
0.999, between 0.9970 and 0.9990."""

_CPU_FIELDS = ("vendor_id", "cpu family", "model", "stepping", "flags")
_ISA_VARIABLES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")
"""With these people make a processor pass for a lesser one."""

AnyRuntime = TypeVar("AnyRuntime", bound=Runtime)

_measured: dict[tuple[str, str], float] = {}
"""What this process knows, by fingerprint and way; also where nothing can be written."""


def lowest_precision(
    source: NetworkSource,
    way: str,
    reduced: Callable[[], AnyRuntime],
    full: Callable[[str], AnyRuntime],
    reference: Callable[[NetworkSource], Runtime],
) -> AnyRuntime:
    """The runtime of a reduced precision if that is near enough here, else the one in float32.

    Args:
        source: The network; what is measured is kept in its cache.
        way: How `reduced` computes: runtime, version, device, and what else decides its rounding.
        reduced: Makes the runtime of reduced precision.
        full: Makes the one in float32; takes a remark for people on why it is not the other.
        reference: Makes float32 torch, which all have to agree with.
    """
    way = f"{way}, {processor()}"
    runtime, reached = None, _known(source, way)
    if reached is None:
        runtime = reduced()
        reached = least_cosine(runtime, reference(source), source.spec.preprocessing.size_px)
        _keep(source, way, reached)
    if reached >= LEAST_ON_PROBES:
        return runtime or reduced()
    return full(f"bfloat16 reached only {reached:.4f}")


def least_cosine(runtime: Runtime, reference: Runtime, size_px: int) -> float:
    """The least cosine of two runtimes over the made-up pictures; 0 where there is none."""
    pixels = probe_pictures(size_px)
    found, wanted = runtime.run(pixels), reference.run(pixels)
    lengths = np.linalg.norm(wanted, axis=1)
    seen = lengths > 0
    if not seen.any() or not np.isfinite(found).all():
        return 0.0
    cosines = np.vecdot(_unit(found[seen]), _unit(wanted[seen]))
    return float(cosines.min())


def processor() -> str:
    """What decides how this processor computes, as a short digest."""
    limits = [f"{name}={os.environ.get(name, '')}" for name in _ISA_VARIABLES]
    text = "\n".join([platform.machine(), *_cpu_facts(), *limits])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _cpu_facts() -> list[str]:
    """Lines about the first processor; a large machine has the same again for each other one."""
    facts: list[str] = []
    with suppress(OSError), Path("/proc/cpuinfo").open() as lines:
        for line in lines:
            if not line.strip():
                break
            if line.partition(":")[0].strip() in _CPU_FIELDS:
                facts.append(line.strip())
    return facts


def _unit(features: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = features.astype(np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12))


def _known(source: NetworkSource, way: str) -> float | None:
    known = _measured.get((source.spec.fingerprint, way))
    return known if known is not None else _read(source).get(way)


def _keep(source: NetworkSource, way: str, reached: float) -> None:
    """Remember it, and write it beside the export; a cache that is read-only stays as it is."""
    _measured[source.spec.fingerprint, way] = reached
    if source.cache is None or not source.keep:
        return
    text = json.dumps({**_read(source), way: reached}, indent=1)
    with suppress(OSError):
        source.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=source.cache, delete=False) as aside:
            aside.write(text)
        os.replace(aside.name, _path(source.cache, source))


def _read(source: NetworkSource) -> dict[str, float]:
    if source.cache is None:
        return {}
    try:
        read = json.loads(_path(source.cache, source).read_text())
        return {str(way): float(reached) for way, reached in read.items()}
    except (OSError, ValueError, TypeError, AttributeError):  # absent or damaged: measured anew
        return {}


def _path(cache: Path, source: NetworkSource) -> Path:
    return cache / f"{source.spec.fingerprint}-precision.json"
