"""Prepare a network to be trained within minutes on a CPU, and restore the layout of its weights.

Batch normalisation keeps its statistics and is folded into the preceding convolution. Layers with
large maps are not trained: they detect edges and colours, which are the same in every catalog, and
take most of the time. Pointwise convolutions compute in bfloat16, depthwise ones in float32, as
their gradients take five times as long in bfloat16.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search_engine.errors import ParameterError

if TYPE_CHECKING:
    import torch
    from torch import nn

SIDE_STEP = 16
LARGEST_MAP = 8
"""Train the layers from where the side of the maps is at most an 8th of the picture's."""


@dataclass(frozen=True)
class Trainable:
    """A network to be trained.

    `module` maps pixels (N, H, W, 3), uint8, to features (N, D), float32; `size_px` is the input
    size of the encoder; `parameters` are those to train, by name; `weights` returns the tensors of
    the network without its classifier, in the layout that `--weights` reads.
    """

    module: "nn.Module"
    size_px: int
    parameters: "Mapping[str, nn.Parameter]"
    weights: "Callable[[], dict[str, torch.Tensor]]"


def make_trainable(module: "nn.Module", size_px: int) -> Trainable:
    """Prepare a network for training; the argument is not changed.

    Args:
        module: A network built by `NetworkSource.build`: pixels in, features out.
        size_px: Side of the pictures.

    Raises:
        ParameterError: The network has no layers to train.
    """
    from copy import deepcopy

    import torch

    ours = deepcopy(module).eval()
    seen = _Seen.of(ours, size_px)
    _freeze(ours, seen)
    _fold(ours, seen)
    parameters = {name: one for name, one in ours.named_parameters() if one.requires_grad}
    if not parameters:
        raise ParameterError("the network has no layers that could be trained")
    ours.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def weights() -> "dict[str, torch.Tensor]":
        return _unfolded(module, ours, seen)

    return Trainable(ours, size_px, parameters, weights)


def accepted_sides(network: Trainable, scales: Sequence[float]) -> list[int]:
    """Return the picture sides for these scales, in steps of 16 pixels except the network's own.

    Some networks, such as ViT, only accept their own side.
    """
    import torch

    sides = []
    for scale in scales:
        side = SIDE_STEP * max(1, round(scale * network.size_px / SIDE_STEP))
        if scale == 1.0:
            side = network.size_px
        with suppress(AssertionError, RuntimeError, ValueError), torch.no_grad():
            network.module(torch.zeros((1, side, side, 3), dtype=torch.uint8))
            sides.append(side)
    return sides or [network.size_px]


@dataclass(frozen=True)
class _Seen:
    """Modules found by running a picture through the network.

    `pairs` are convolutions and the normalisations directly after them; `early` are modules with
    large maps.
    """

    pairs: list[tuple[str, str]]
    early: set[str]

    @classmethod
    def of(cls, module: "nn.Module", size_px: int) -> "_Seen":
        import torch
        from torch import nn

        pairs: list[tuple[str, str]] = []
        early: set[str] = set()
        made: dict[int, tuple[str, torch.Tensor]] = {}  # keeps tensors alive: ids stay unique

        def watch(name: str) -> Callable[..., None]:
            def hook(part: nn.Module, taken: tuple[Any, ...], given: Any) -> None:
                if isinstance(part, nn.Conv2d):
                    made[id(given)] = (name, given)
                elif isinstance(part, nn.BatchNorm2d) and id(taken[0]) in made:
                    pairs.append((made[id(taken[0])][0], name))
                if getattr(given, "ndim", 0) == 4 and given.shape[2] * LARGEST_MAP > size_px:
                    early.add(name)

            return hook

        hooks = [
            part.register_forward_hook(watch(name))
            for name, part in module.named_modules()
            if not list(part.children()) or isinstance(part, nn.BatchNorm2d)
        ]
        with torch.no_grad():
            module(torch.zeros(1, size_px, size_px, 3, dtype=torch.uint8))
        for hook in hooks:
            hook.remove()
        return cls(pairs, early)


def _freeze(module: "nn.Module", seen: _Seen) -> None:
    for name in seen.early:
        module.get_submodule(name).requires_grad_(False)


def _fold(module: "nn.Module", seen: _Seen) -> None:
    """Replace each pair by one convolution, with the normalisation's activation if it has one."""
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for conv_name, norm_name in seen.pairs:
        conv: Any = module.get_submodule(conv_name)
        norm: Any = module.get_submodule(norm_name)
        trained = conv_name not in seen.early
        folded = fuse_conv_bn_eval(conv, norm).requires_grad_(trained)
        _replace(module, conv_name, _exact(folded) if trained else folded)
        _replace(module, norm_name, getattr(norm, "act", nn.Identity()))


def _exact(conv: Any) -> Any:
    """Wrap the convolution; on a CPU a depthwise one always computes in float32."""
    import torch

    if conv.groups == 1:
        return conv
    inner = conv.forward

    def forward(maps: torch.Tensor) -> torch.Tensor:
        if maps.device.type != "cpu":
            return inner(maps)  # type: ignore[no-any-return]
        with torch.autocast("cpu", enabled=False):
            return inner(maps.float())  # type: ignore[no-any-return]

    conv.forward = forward
    return conv


def _replace(module: "nn.Module", name: str, part: "nn.Module") -> None:
    parent, _, child = name.rpartition(".")
    setattr(module.get_submodule(parent), child, part)


def _unfolded(original: "nn.Module", trained: "nn.Module", seen: _Seen) -> "dict[str, Any]":
    """Return the weights in the original layout; normalisations only add the folded bias."""
    import torch

    state = {name: tensor.clone() for name, tensor in original.state_dict().items()}
    now = trained.state_dict()
    state.update({name: now[name] for name in state if name in now})
    for conv, norm in seen.pairs:
        epsilon: Any = original.get_submodule(norm).eps
        bias = now[f"{conv}.bias"]
        state[f"{norm}.weight"] = torch.ones_like(bias)
        state[f"{norm}.bias"] = bias
        state[f"{norm}.running_mean"] = torch.zeros_like(bias)
        state[f"{norm}.running_var"] = torch.full_like(bias, 1.0 - float(epsilon))
        if f"{conv}.bias" in state:
            state[f"{conv}.bias"] = torch.zeros_like(bias)
    inner = _inner_prefix(original)
    return {
        name.removeprefix(inner): tensor.detach().cpu().contiguous()
        for name, tensor in state.items()
        if name.startswith(inner)
    }


def _inner_prefix(module: "nn.Module") -> str:
    """Return the name of the inner network within a module of `network_encoder`."""
    return "trunk.network." if hasattr(module.trunk, "network") else "trunk."
