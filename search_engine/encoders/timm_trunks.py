"""Networks of timm up to a pooling of one's own."""

from typing import TYPE_CHECKING, Any

from search_engine.encoders.poolings import MULTI, PENULTIMATE, multi_pooled, no_maps, pooled

if TYPE_CHECKING:
    import torch
    from torch import nn

BLOCKS = 3
"""How many intermediate layers `multi` takes: the last ones, each of another size of map. Those of
EfficientNet-Lite0 are its blocks 3, 5 and 7."""


def pooled_trunk(network: Any, name: str, encoder: str) -> "nn.Module":
    """A network of timm without its classifier, its feature maps pooled in another way.

    Args:
        network: Changed only in what it is used for.
        name: One of the poolings; `penultimate` is the network as it is.
        encoder: What it is called, for errors.

    Raises:
        ParameterError: The network has no feature maps, as transformers of one resolution; some
            tell only when they run.
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
            return multi_pooled(blocks, last) if name == MULTI else pooled(last, name)

    return Pooled().eval()
