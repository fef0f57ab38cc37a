"""How a network is trained."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How to train: `minutes` in all; the rest was measured on clothing and groceries.

    The network is trained up to `members` times from the start, for `epochs` rounds over the
    pictures each, as far as the time allows; in turns it sees them in these `scales`, which belong
    to the side that the encoder wants. `learning_rate` is the highest, reached after
    `warm_up` of a training, falling to 0 by a cosine; that of the proxies is `proxy_pace` times as
    high. `mixed` is the share of batches with boxes of other pictures in them.
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
