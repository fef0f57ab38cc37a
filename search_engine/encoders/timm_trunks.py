"""Networks of timm with other poolings."""

from typing import TYPE_CHECKING, Any

from search_engine.encoders.poolings import AVERAGE, MULTI, PENULTIMATE, ROWS, SPLIT, Pools, no_maps

if TYPE_CHECKING:
    import torch
    from torch import nn

BLOCKS = 3
"""Intermediate layers that `multi` uses: the last ones, each with its own map size. Those of
EfficientNet-Lite0 are its blocks 3, 5 and 7."""


def pooled_trunk(network: Any, name: str, encoder: str, pools: Pools = ROWS) -> "nn.Module":
    """Wrap a network of timm without its classifier to pool its feature maps in another way.

    Args:
        network: Becomes part of the result.
        name: One of the poolings; `penultimate` is the network as it is.
        encoder: Its name, for errors.
        pools: What to make of the maps.

    Raises:
        ParameterError: The network has no feature maps, like many transformers; for some this only
            shows when they run.
    """
    from torch import nn

    if name == PENULTIMATE:
        return network  # type: ignore[no-any-return]
    if name == MULTI and not hasattr(network, "forward_intermediates"):
        raise no_maps(encoder, name)
    channels_last = getattr(network, "output_fmt", None) == "NHWC"

    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, samples: "torch.Tensor") -> "torch.Tensor":
            blocks: list[torch.Tensor] = []
            if name == MULTI:
                last, blocks = self.network.forward_intermediates(samples, indices=BLOCKS)
            else:
                last = self.network.forward_features(samples)
            if getattr(last, "ndim", None) != 4:
                raise no_maps(encoder, name)
            last = last.permute(0, 3, 1, 2) if channels_last else last
            return pools.several(blocks, last) if name == MULTI else pools.one(last, name)

    return Pooled().eval()


def split_trunk(network: Any, name: str, encoder: str) -> "nn.Module":
    """Wrap a network as `pooled_trunk` to split its features over positions.

    For `penultimate` that is right where the network takes the plain average itself.
    """
    return pooled_trunk(network, AVERAGE if name == PENULTIMATE else name, encoder, SPLIT)
