"""Several trainings of a network as one network: the mean of their weights.

Trainings that start alike and see other pictures at other moments end near each other, and the mean
of their weights tells classes apart better than each of them, for the price of one network when it
is used: Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves
accuracy without increasing inference time", ICML 2022.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Soup:
    """The mean of the weights of `members` trainings.

    `accuracy` is that on held-out pictures; None: there are none.
    """

    weights: "tuple[torch.Tensor, ...]"
    members: int = 1
    accuracy: float | None = None

    def with_another(self, weights: "tuple[torch.Tensor, ...]") -> "tuple[torch.Tensor, ...]":
        """The mean of the weights with those of one more training."""
        import torch

        share = 1.0 / (self.members + 1)
        pairs = zip(self.weights, weights, strict=True)
        return tuple(torch.lerp(mean, other, share) for mean, other in pairs)

    def is_clearly_better(self, other: Self, pictures: int) -> bool:
        """Whether it beats another by more than the standard error on so many held-out pictures."""
        if self.accuracy is None or other.accuracy is None:
            return False
        chance = math.sqrt(self.accuracy * (1.0 - self.accuracy) / pictures)
        return self.accuracy - other.accuracy > chance

    def state(self) -> dict[str, Any]:
        """What `Soup(**state)` needs."""
        return {"weights": self.weights, "members": self.members, "accuracy": self.accuracy}
