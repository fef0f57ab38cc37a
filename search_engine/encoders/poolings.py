"""Poolings: how feature maps become one row.

A pooling is part of the encoder's identity. Its name may end in `+mirror`: then the features of a
picture and of its mirror image are averaged, at twice the cost.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from search_engine.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

PENULTIMATE = "penultimate"
"""The input of the network's own last layer."""

AVERAGE, GEM, LARGEST, MULTI = "avg", "gem", "max", "multi"
OF_ONE_MAP = (AVERAGE, GEM, LARGEST)

MIRROR = "+mirror"
GEM_POWER = 3.0
SMALLEST = 1e-6


@dataclass(frozen=True, slots=True)
class Pooling:
    """A pooling, of the picture alone or averaged with its mirror image."""

    name: str
    mirrored: bool = False

    def __str__(self) -> str:
        return self.name + (MIRROR if self.mirrored else "")


def parse_pooling(text: str | None, known: "Sequence[str]", encoder: str) -> Pooling:
    """Return the pooling of a name; without a name the first one.

    Raises:
        ParameterError: The encoder has none of that name.
    """
    if text is None:
        return Pooling(known[0])
    pooling = Pooling(text.removesuffix(MIRROR), text.endswith(MIRROR))
    if pooling.name not in known:
        raise ParameterError(
            f"{encoder} has no pooling {text!r}",
            where="pooling",
            fix=f"known: {', '.join(known)}, each with {MIRROR} or without",
        )
    return pooling


def refuse_pooling(text: str | None, encoder: str) -> None:
    """Refuse a pooling for encoders without feature maps.

    Raises:
        ParameterError: A pooling was requested.
    """
    if text is not None:
        raise ParameterError(
            f"the {encoder} encoder has no poolings", where="pooling", fix="leave out --pooling"
        )


def no_maps(encoder: str, pooling: str) -> ParameterError:
    """Return the error for networks without feature maps, such as transformers."""
    return ParameterError(
        f"{encoder} has no feature maps for the pooling {pooling}",
        where="pooling",
        fix=f"leave out --pooling, or take {PENULTIMATE}",
    )


def pooled(maps: "Tensor", name: str) -> "Tensor":
    """Pool feature maps (N, C, H, W) to rows (N, C).

    GeM is the generalised mean of Radenovic, Tolias and Chum, "Fine-tuning CNN image retrieval with
    no human annotation", TPAMI 2019, at its usual power of 3: between average and maximum.
    """
    if name == AVERAGE:
        return maps.mean(dim=(2, 3))
    if name == LARGEST:
        return maps.amax(dim=(2, 3))
    powers = maps.clamp(min=SMALLEST).pow(GEM_POWER)
    return powers.mean(dim=(2, 3)).pow(1 / GEM_POWER)


def multi_pooled(blocks: "Sequence[Tensor]", last: "Tensor") -> "Tensor":
    """Pool several layers to rows: blocks by average and maximum, the last by average and GeM.

    Each part has length 1, so that none outweighs the others. Early layers show texture and print,
    which the last layer of a classifier loses: Babenko and Lempitsky, "Aggregating deep
    convolutional features for image retrieval", ICCV 2015; Zheng et al., "Good practice in CNN
    feature transfer", 2016.

    Args:
        blocks: Maps (N, C, H, W) of intermediate layers, each with its own C, H and W.
        last: Maps that the network's own pooling sees.
    """
    import torch

    parts = [pooled(maps, name) for maps in blocks for name in (AVERAGE, LARGEST)]
    parts += [pooled(last, name) for name in (AVERAGE, GEM)]
    return torch.cat([_unit(part) for part in parts], dim=1)


def average_part(several: int, average: int) -> slice:
    """Return where `multi_pooled` has the average over the last maps.

    Args:
        several: Dimension of all parts.
        average: Dimension of that one.
    """
    return slice(several - 2 * average, several - average)


SIDE = 7
"""Features are split over so many rows and columns of a picture, whatever the size of a map."""

POSITIONS = SIDE * SIDE


def split(maps: "Tensor", name: str) -> "Tensor":
    """Split what `pooled` gives over the positions of a picture: (N, C, SIDE, SIDE).

    The sum over positions is the pooled row. For the average a position has its own share. Where a
    pooling is not linear, a channel is shared out by value times derivative, whose sum is the whole
    for any mean of powers (Euler's theorem on homogeneous functions): by the third powers for GeM,
    all to the largest for the maximum.
    """
    if name == AVERAGE:
        return _gathered(maps / (maps.shape[2] * maps.shape[3]))
    if name == LARGEST:
        peaks = (maps == maps.amax(dim=(2, 3), keepdim=True)).to(maps.dtype)
        return _gathered(maps * peaks / peaks.sum(dim=(2, 3), keepdim=True))
    powers = maps.clamp(min=SMALLEST).pow(GEM_POWER)
    whole = pooled(maps, name)[:, :, None, None]
    return _gathered(whole * powers / powers.sum(dim=(2, 3), keepdim=True))


def multi_split(blocks: "Sequence[Tensor]", last: "Tensor") -> "Tensor":
    """Split what `multi_pooled` gives over positions: (N, C, SIDE, SIDE), whose sum that is."""
    import torch

    maps = [(each, name) for each in blocks for name in (AVERAGE, LARGEST)]
    maps += [(last, name) for name in (AVERAGE, GEM)]
    parts = [
        split(each, name) / _lengths(pooled(each, name))[:, :, None, None] for each, name in maps
    ]
    return torch.cat(parts, dim=1)


def _gathered(shares: "Tensor") -> "Tensor":
    """Gather a map of any size on SIDE x SIDE positions; a cell between two is shared by area."""
    down, across = (_overlaps(length).to(shares) for length in shares.shape[2:])
    return down @ shares @ across.T


def _overlaps(length: int) -> "Tensor":
    """The share (SIDE, length) of each of `length` equal parts of a side that each position has."""
    import torch

    edges = torch.arange(SIDE + 1) * (length / SIDE)
    starts, ends = edges[:-1, None], edges[1:, None]
    parts = torch.arange(length)[None]
    return (torch.minimum(ends, parts + 1) - torch.maximum(starts, parts)).clamp(min=0)


def mean_of_views(features: "Tensor") -> "Tensor":
    """Average the first and the second half of the rows: pictures and their mirror images."""
    return features.reshape(2, -1, features.shape[1]).mean(dim=0)


def _unit(rows: "Tensor") -> "Tensor":
    return rows / _lengths(rows)


def _lengths(rows: "Tensor") -> "Tensor":
    return rows.square().sum(dim=1, keepdim=True).sqrt().clamp(min=SMALLEST)


@dataclass(frozen=True, slots=True)
class Pools:
    """What a network ends with: what one map becomes, by name of the pooling, and several."""

    one: "Callable[[Tensor, str], Tensor]"
    several: "Callable[[Sequence[Tensor], Tensor], Tensor]"


ROWS = Pools(pooled, multi_pooled)
"""One row a picture: its features."""
SPLIT = Pools(split, multi_split)
"""One row a position, which add up to the features."""
