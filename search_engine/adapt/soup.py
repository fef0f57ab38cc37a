"""Average the weights of several trainings of a network.

Trainings from the same start that see the pictures in different orders end near each other. The
mean of their weights separates classes better than each of them, at the cost of one network in use:
Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy
without increasing inference time", ICML 2022.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Soup:
    """The mean of the weights of `members` trainings.

    `accuracy` is that on held-out pictures, None without any.
    """

    weights: "tuple[torch.Tensor, ...]"
    members: int = 1
    accuracy: float | None = None

    def is_clearly_better(self, other: Self, pictures: int) -> bool:
        """Return whether it beats another by more than the standard error on so many pictures."""
        if self.accuracy is None or other.accuracy is None:
            return False
        chance = math.sqrt(self.accuracy * (1.0 - self.accuracy) / pictures)
        return self.accuracy - other.accuracy > chance

    def state(self) -> dict[str, Any]:
        """Return what `Soup(**state)` needs."""
        return {"weights": self.weights, "members": self.members, "accuracy": self.accuracy}


def mean_of(soups: Sequence[Soup]) -> Soup:
    """Return the mean of all trainings of several soups."""
    import torch

    mean, *others = soups
    for one in others:
        members = mean.members + one.members
        pairs = zip(mean.weights, one.weights, strict=True)
        weights = tuple(torch.lerp(each, other, one.members / members) for each, other in pairs)
        mean = Soup(weights, members)
    return mean
