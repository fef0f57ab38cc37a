"""Losses to train a network with: they separate classes or, without labels, single pictures.

Features of unit length go through a linear layer, and its output is compared with one proxy a
class: softmax over cosines, Zhai and Wu, "Classification is a strong baseline for deep metric
learning", BMVC 2019. Layer and proxies are initialised by discriminant analysis of the original
features. Without labels each picture is its own class: two augmented views of it against those of
all others, Chen et al., "A simple framework for contrastive learning of visual representations",
ICML 2020.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from search_engine.adapt.plan import TrainingPlan
from search_engine.errors import ParameterError
from search_engine.records import Codes

if TYPE_CHECKING:
    import torch
    from torch import nn

START_SPREAD = 0.02
"""Standard deviation of the layer's first weights; steps then change it as slowly as the rest."""


class Objective:
    """The loss of unit features (N, D) with codes (N,).

    It takes `views` augmented versions of each picture. `module` has the parameters learned beside
    the network, `codes` the class of each row that the stream may yield.
    """

    views: int
    module: "nn.ModuleDict"
    codes: "torch.Tensor"

    def __call__(self, features: "torch.Tensor", codes: "torch.Tensor") -> "torch.Tensor":
        """Return the loss, a scalar."""
        raise NotImplementedError

    def classes(self, features: "torch.Tensor") -> "torch.Tensor":
        """Predict the class of each picture, (N,)."""
        raise NotImplementedError

    def fast_parameters(self) -> "list[nn.Parameter]":
        """Return the parameters that learn at the learning rate of proxies."""
        return []


class ClassProxies(Objective):
    """Softmax over cosines with a proxy for each class."""

    views = 1

    def __init__(
        self, mean: Any, matrix: Any, proxies: Any, codes: Codes, plan: TrainingPlan
    ) -> None:
        """Start from a projection.

        Args:
            mean: Shape (D,), float32.
            matrix: Shape (D, d), float32.
            proxies: The mean of each class after the projection, (C, d), float32.
            codes: The class of each row that the stream may yield, (N,).
            plan: Gives temperature and smoothing.
        """
        import torch
        from torch import nn

        self.codes = torch.from_numpy(codes)
        layer = nn.Linear(*matrix.shape)
        scale = START_SPREAD / float(matrix.std())
        layer.weight.data = torch.from_numpy(np.ascontiguousarray(matrix.T)) * scale
        layer.bias.data = torch.from_numpy(-(mean @ matrix).astype(np.float32)) * scale
        kind: Any = import_losses().NormalizedSoftmaxLoss
        loss = kind(*proxies.shape, temperature=plan.temperature)
        loss.W.data = torch.from_numpy(np.ascontiguousarray(proxies.T, dtype=np.float32))
        loss.cross_entropy = nn.CrossEntropyLoss(reduction="none", label_smoothing=plan.smoothing)
        self.module = nn.ModuleDict({"layer": layer, "loss": loss})

    def __call__(self, features: "torch.Tensor", codes: "torch.Tensor") -> "torch.Tensor":
        """See Objective."""
        loss: torch.Tensor = self.module["loss"](self.module["layer"](features), codes)
        return loss

    def classes(self, features: "torch.Tensor") -> "torch.Tensor":
        """Predict the class of the nearest proxy, (N,)."""
        loss: Any = self.module["loss"]
        found: torch.Tensor = loss.get_logits(self.module["layer"](features)).argmax(dim=1)
        return found

    def fast_parameters(self) -> "list[nn.Parameter]":
        """Return the proxies."""
        return list(self.module["loss"].parameters())


class TwoViews(Objective):
    """Contrastive loss: the two views of a picture must find each other among all of the batch."""

    views = 2

    def __init__(self, count: int, plan: TrainingPlan) -> None:
        """Prepare the loss for `count` pictures."""
        import torch
        from torch import nn

        self.codes = torch.arange(count)
        self.module = nn.ModuleDict(
            {"loss": import_losses().NTXentLoss(temperature=2 * plan.temperature)}
        )

    def __call__(self, features: "torch.Tensor", codes: "torch.Tensor") -> "torch.Tensor":
        """See Objective."""
        loss: torch.Tensor = self.module["loss"](features, codes)
        return loss


def import_losses() -> Any:
    """Import the losses of pytorch-metric-learning.

    Raises:
        ParameterError: The package is not installed.
    """
    try:
        from pytorch_metric_learning import losses
    except ImportError as error:
        raise ParameterError(
            "fine-tuning needs the package pytorch-metric-learning",
            fix="pip install 'eyedex[finetune]'",
        ) from error
    return losses
