"""A tiny network of OpenCLIP with random weights, for pictures of 64 pixels and for texts."""

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from search_engine.encoders.torch_imports import import_open_clip

ARCHITECTURE = "tiny-clip"
NAME = f"open_clip:{ARCHITECTURE}"
CONFIG = {
    "embed_dim": 48,
    "vision_cfg": {
        "image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16,
    },
    "text_cfg": {"context_length": 24, "vocab_size": 49_408, "width": 32, "heads": 2, "layers": 2},
}  # fmt: skip


def save_tiny_clip(folder: Path) -> Path:
    """Register the architecture in this process, and save weights of it.

    Those of pictures are made larger than fresh ones, by which any two pictures look the same.
    """
    if find_spec("open_clip") is None:
        pytest.skip("OpenCLIP is not installed")
    import torch

    folder.mkdir(exist_ok=True)
    register(folder, ARCHITECTURE, CONFIG)
    torch.manual_seed(0)
    network = import_open_clip().create_model(ARCHITECTURE)
    with torch.no_grad():
        network.visual.conv1.weight *= 8
        network.visual.proj *= 8
    torch.save(network.state_dict(), folder / "weights.pth")
    return folder / "weights.pth"


def register(folder: Path, name: str, config: Mapping[str, Any]) -> None:
    """Make an architecture known to OpenCLIP in this process."""
    file = folder / f"{name}.json"
    file.write_text(json.dumps(config))
    import_open_clip().add_model_config(file)
