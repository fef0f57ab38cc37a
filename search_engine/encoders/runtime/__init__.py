"""Runtimes: what computes a network, and the choice of the best one.

Importing this is cheap, as the command line needs the names of the choices.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from search_engine.encoders.runtime.base import NetworkSource, Runtime

RuntimeChoice = Literal["auto", "openvino", "openvino-int8", "torch", "torch-float32"]
"""`auto` means `openvino` or `torch`; the others are used on request only."""


def load_runtime(choice: RuntimeChoice, source: "NetworkSource") -> "Runtime":
    """Load the chosen runtime; `auto` takes a CUDA GPU, else OpenVINO, else torch on the CPU.

    Raises:
        EncoderError: `openvino-int8` has not been calibrated.
    """
    if choice == "auto":
        choice = "torch" if _has_cuda() or not find_spec("openvino") else "openvino"
    return _LOADERS[choice](source)


def present_choices(source: "NetworkSource") -> tuple[RuntimeChoice, ...]:
    """List the choices that can be loaded here, except `auto`."""
    if not find_spec("openvino"):
        return ("torch", "torch-float32")
    from search_engine.encoders.runtime.int8 import has_int8

    int8: tuple[RuntimeChoice, ...] = ("openvino-int8",) if has_int8(source) else ()
    return ("openvino", *int8, "torch", "torch-float32")


def _openvino(source: "NetworkSource") -> "Runtime":
    from search_engine.encoders.runtime.openvino_runtime import openvino_runtime

    return openvino_runtime(source)


def _openvino_int8(source: "NetworkSource") -> "Runtime":
    from search_engine.encoders.runtime.int8 import int8_runtime

    return int8_runtime(source)


def _torch(source: "NetworkSource") -> "Runtime":
    from search_engine.encoders.runtime.torch_runtime import torch_runtime

    return torch_runtime(source)


def _torch_float32(source: "NetworkSource") -> "Runtime":
    from search_engine.encoders.runtime.torch_runtime import reference_runtime

    return reference_runtime(source)


_LOADERS: Mapping[str, "Callable[[NetworkSource], Runtime]"] = MappingProxyType(
    {
        "openvino": _openvino,
        "openvino-int8": _openvino_int8,
        "torch": _torch,
        "torch-float32": _torch_float32,
    }
)


def _has_cuda() -> bool:
    """Return whether torch can use a GPU; torch is imported only if a driver is present."""
    if not (Path("/proc/driver/nvidia").exists() or Path("/dev/nvidiactl").exists()):
        return False
    import torch

    return bool(torch.cuda.is_available())
