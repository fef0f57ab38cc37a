"""Runtimes: what computes a network, and which one is best here."""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from search_engine.encoders.runtime.base import NetworkSource, Runtime

RuntimeChoice = Literal["auto", "openvino", "torch"]


def load_runtime(choice: RuntimeChoice, source: NetworkSource) -> Runtime:
    """The chosen runtime; `auto` takes a CUDA GPU, else OpenVINO, else torch on the CPU."""
    if choice == "auto":
        choice = "torch" if _has_cuda() or not find_spec("openvino") else "openvino"
    if choice == "openvino":
        from search_engine.encoders.runtime.openvino_runtime import OpenVinoRuntime

        return OpenVinoRuntime(source)
    from search_engine.encoders.runtime.torch_runtime import TorchRuntime

    return TorchRuntime(source)


def _has_cuda() -> bool:
    """Whether torch could use a GPU; torch itself is imported only where a driver is present."""
    if not (Path("/proc/driver/nvidia").exists() or Path("/dev/nvidiactl").exists()):
        return False
    import torch

    return bool(torch.cuda.is_available())
