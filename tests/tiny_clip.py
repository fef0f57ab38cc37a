"""A tiny network of OpenCLIP with random weights, for pictures of 64 pixels and for texts."""

import json
from importlib.util import find_spec
from pathlib import Path

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

    open_clip = import_open_clip()
    folder.mkdir(exist_ok=True)
    config = folder / f"{ARCHITECTURE}.json"
    config.write_text(json.dumps(CONFIG))
    open_clip.add_model_config(config)
    torch.manual_seed(0)
    network = open_clip.create_model(ARCHITECTURE)
    with torch.no_grad():
        network.visual.conv1.weight *= 8
        network.visual.proj *= 8
    torch.save(network.state_dict(), folder / "weights.pth")
    return folder / "weights.pth"
