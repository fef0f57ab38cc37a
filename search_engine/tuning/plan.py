"""How a network is trained."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How to train: `minutes` in all; the rest was measured on clothing and groceries.

    `learning_rate` is the highest, reached after `warm_up` of the time, falling to 0 by a cosine;
    that of the proxies is `proxy_pace` times as high. `mixed` is the share of batches with boxes
    of other pictures in them. Held-out pictures are looked at `checks` times; it ends early when
    they have shown no progress for the share `patience` of the time.
    """

    minutes: float = 30.0
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
    checks: int = 12
    patience: float = 0.5
    seed: int = 0
