"""The only module that imports torchvision, timm and open_clip.

PyPI's torchvision wheel is linked against the CUDA build of torch. With a CPU-only torch its
compiled operators do not load, and `import torchvision` stops with "operator torchvision::nms does
not exist" because it registers a fake kernel for an operator nobody declared. Only models and
transforms are used here, no compiled operator, so declaring the two schemas is enough.
"""

import logging
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from search_engine.errors import MissingExtraError

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}

_declared: list[Any] = []  # torch drops the declarations when their Library object is collected


def import_torchvision() -> Any:
    """Import torchvision."""
    _declare_missing_operators()
    return import_module("torchvision")


def import_transforms() -> Any:
    """Import the second version of torchvision's transforms."""
    _declare_missing_operators()
    return import_module("torchvision.transforms.v2")


def import_timm() -> Any:
    """Import timm, which imports torchvision."""
    _declare_missing_operators()
    return import_module("timm")


def import_open_clip() -> Any:
    """Import open_clip, which imports timm.

    Raises:
        MissingExtraError: It is not installed.
    """
    _declare_missing_operators()
    try:
        open_clip = import_module("open_clip")
    except ImportError as error:
        raise MissingExtraError(
            "encoders of OpenCLIP need a package that is not installed",
            where="open_clip",
            fix="pip install 'eyedex[clip]'",
        ) from error
    _log_errors_only(import_module("open_clip.factory"))
    return open_clip


def _log_errors_only(factory: Any) -> None:
    """Let what makes OpenCLIP's networks log by a logger of its own.

    It calls functions of `logging` itself, which also sets up how all others' lines are printed.
    """
    factory.logging = logging.getLogger("open_clip")
    factory.logging.setLevel(logging.ERROR)


def _declare_missing_operators() -> None:
    import torch

    if _declared:
        return
    _load_compiled_operators()
    for name, schema in _SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(schema)
            _declared.append(library)


def _load_compiled_operators() -> None:
    """Let a torchvision that matches this torch declare its own operators first."""
    import torch

    package = find_spec("torchvision")
    folders = package.submodule_search_locations if package else None
    for binary in (path for folder in folders or [] for path in Path(folder).glob("_C*.so")):
        try:
            torch.ops.load_library(str(binary))
        except OSError:
            return  # linked against another torch: the reason for this module
