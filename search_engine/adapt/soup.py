"""Average the weights of several trainings of a network.

Trainings from the same start that see the pictures in different orders end near each other. The
mean of their weights separates classes better than each of them, at the cost of one network in use:
Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy
without increasing inference time", ICML 2022.
"""

import math
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

    def with_another(self, weights: "tuple[torch.Tensor, ...]") -> "tuple[torch.Tensor, ...]":
        """Return the mean including one more training."""
        import torch

        share = 1.0 / (self.members + 1)
        pairs = zip(self.weights, weights, strict=True)
        return tuple(torch.lerp(mean, other, share) for mean, other in pairs)

    def is_clearly_better(self, other: Self, pictures: int) -> bool:
        """Return whether it beats another by more than the standard error on so many pictures."""
        if self.accuracy is None or other.accuracy is None:
            return False
        chance = math.sqrt(self.accuracy * (1.0 - self.accuracy) / pictures)
        return self.accuracy - other.accuracy > chance

    def state(self) -> dict[str, Any]:
        """Return what `Soup(**state)` needs."""
        return {"weights": self.weights, "members": self.members, "accuracy": self.accuracy}
