"""Weights that mean nothing, to run a network whose own are not here, as for its speed."""

from pathlib import Path

from search_engine.encoders.registry import EncoderRequest
from search_engine.encoders.torch_imports import import_open_clip, import_timm
from search_engine.errors import UnknownEncoderError


def save_random_weights(name: str, path: Path) -> EncoderRequest:
    """Write random weights for a network of timm or OpenCLIP, and return the request with them.

    Args:
        name: As `index --encoder` takes it.
        path: The file to write, in the format of safetensors.

    Raises:
        UnknownEncoderError: It is none of theirs.
        MissingExtraError: OpenCLIP is not installed.
    """
    from safetensors.torch import save_file

    family, _, variant = name.partition(":")
    if family == "timm":
        network = import_timm().create_model(variant.partition(".")[0], num_classes=0)
    elif family == "open_clip":
        network = import_open_clip().create_model(variant.partition(".")[0])
    else:
        raise UnknownEncoderError(
            f"{name!r} is no network of timm or OpenCLIP", fix="name one as timm:<name>"
        )
    save_file({key: each.contiguous() for key, each in network.state_dict().items()}, path)
    return EncoderRequest(name, weights=path)
