"""The plan of a training."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How to train: `minutes` in total; the defaults were measured on clothing and groceries.

    The network is trained from the start up to `members` times, as time allows, for `epochs` passes
    over the pictures each. The trainings use `scales` of the encoder's input size in turn.
    `learning_rate` is the maximum, reached after the share `warm_up` of a training, then falling to
    0 by a cosine; that of the proxies is `proxy_pace` times as high. `mixed` is the share of CutMix
    batches.
    """

    minutes: float = 30.0
    members: int = 4
    epochs: float = 6.0
    scales: tuple[float, ...] = (1.0, 0.8)
    batch_size: int = 32
    learning_rate: float = 3e-4
    warm_up: float = 0.04
    proxy_pace: float = 10.0
    weight_decay: float = 0.05
    smoothing: float = 0.1
    temperature: float = 0.05
    mixed: float = 0.3
    averaging: float = 0.998
    largest_gradient: float = 5.0
    seed: int = 0
