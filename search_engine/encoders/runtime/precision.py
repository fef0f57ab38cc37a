"""Use a lower precision only if it is close enough to float32, as measured on this processor.

The error of bfloat16 depends on the network and on how a processor sums: with the same weights one
reaches a cosine of 0.9994 and another 0.9990. So it is measured on synthetic pictures and stored,
once for each network, runtime and processor.
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
from search_engine.encoders.runtime.machine_cache import machine_cache
from search_engine.encoders.runtime.probes import probe_pictures

_CPU_FIELDS = ("vendor_id", "cpu family", "model", "stepping", "flags")
_ISA_VARIABLES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")
"""Environment variables that make a processor pass for a lesser one."""

AnyRuntime = TypeVar("AnyRuntime", bound=Runtime)

_measured: dict[tuple[str, str], float] = {}
"""Measurements of this process, by fingerprint and way; also used if nothing can be written."""


def lowest_precision(
    source: NetworkSource,
    way: str,
    reduced: Callable[[], AnyRuntime],
    full: Callable[[str], AnyRuntime],
    reference: Callable[[NetworkSource], Runtime],
) -> AnyRuntime:
    """Load the reduced-precision runtime if it is close enough here, else the float32 one.

    Args:
        source: The network; the measurement is stored in its cache.
        way: How `reduced` computes: runtime, version, device, and anything else that affects
            rounding.
        reduced: Loads the runtime of reduced precision.
        full: Loads the float32 one; takes a remark for people on why.
        reference: Loads float32 torch, the reference of all runtimes.
    """
    way = f"{way}, {processor()}"
    runtime, reached, known = None, 0.0, _known(source, way)
    if known is not None:
        reached = known
    else:
        with suppress(RuntimeError):  # OpenVINO lacks some layers in bfloat16 on some processors
            runtime = reduced()
            reached = least_cosine(runtime, reference(source), source.spec.preprocessing.size_px)
    is_near = reached >= source.least_on_probes
    chosen = (runtime or reduced()) if is_near else full(_remark(reached))
    if known is None:
        _keep(source, way, reached)  # not before: where memory was short, the other fails as well
    return chosen


def _remark(reached: float) -> str:
    return f"bfloat16 reached only {reached:.4f}" if reached else "bfloat16 does not work here"


def least_cosine(runtime: Runtime, reference: Runtime, size_px: int) -> float:
    """Return the least cosine of two runtimes over the synthetic pictures; 0 if undefined."""
    pixels = probe_pictures(size_px)
    found, wanted = runtime.run(pixels), reference.run(pixels)
    lengths = np.linalg.norm(wanted, axis=1)
    seen = lengths > 0
    if not seen.any() or not np.isfinite(found).all():
        return 0.0
    cosines = np.vecdot(_unit(found[seen]), _unit(wanted[seen]))
    return float(cosines.min())


def processor() -> str:
    """Return a short digest of what determines how this processor computes."""
    limits = [f"{name}={os.environ.get(name, '')}" for name in _ISA_VARIABLES]
    text = "\n".join([platform.machine(), *_cpu_facts(), *limits])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _cpu_facts() -> list[str]:
    """Return the lines about the first processor; the others repeat them."""
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
    """Remember the measurement, and store it beside the exports unless they are read-only."""
    _measured[source.spec.fingerprint, way] = reached
    for cache in _caches(source) if source.keep else []:
        text = json.dumps({**_stored(cache, source), way: reached}, indent=1)
        with suppress(OSError):
            cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=cache, delete=False) as aside:
                aside.write(text)
            os.replace(aside.name, _path(cache, source))


def _read(source: NetworkSource) -> dict[str, float]:
    found: dict[str, float] = {}
    for cache in reversed(_caches(source)):
        found |= _stored(cache, source)
    return found


def _caches(source: NetworkSource) -> list[Path]:
    """Where measurements are stored: with the data directory, and for others of this user."""
    if source.cache is None:
        return []
    shared = machine_cache()
    return [source.cache] if shared is None else [source.cache, shared]


def _stored(cache: Path, source: NetworkSource) -> dict[str, float]:
    try:
        read = json.loads(_path(cache, source).read_text())
        return {str(way): float(reached) for way, reached in read.items()}
    except (OSError, ValueError, TypeError, AttributeError):  # missing or damaged: measure again
        return {}


def _path(cache: Path, source: NetworkSource) -> Path:
    return cache / f"{source.spec.fingerprint}-precision.json"
