"""Train a network within a given time so that pictures of one class lie together.

There are several short trainings, each from the start: on groceries six passes over the pictures
are as good as twenty, while the mean of several trainings (`soup`) is better than each if they used
different picture sizes (hit_rate@1 of validation photos: 0.895 at 224 pixels, 0.882 at 176, 0.909
for the mean of both, 0.885 for that of two at 224). The result of a training is the moving average
of its weights (Polyak and Juditsky, 1992).
"""

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from search_engine.adapt.augmentation import paste_across
from search_engine.adapt.objectives import Objective
from search_engine.adapt.plan import TrainingPlan
from search_engine.adapt.soup import Soup, mean_of
from search_engine.adapt.trainable import Trainable, accepted_sides
from search_engine.records import Codes, Pixels

if TYPE_CHECKING:
    import torch

SAVED_EACH_S = 60.0
FEATURES_AT_ONCE = 64
LEAST_LEFT = 0.7
"""Start another training only if this share of the time that it would take remains, by the last
one's time for each pixel."""

Batches = Iterator["tuple[torch.Tensor, torch.Tensor]"]
Weights = dict[str, "torch.Tensor"]
"""The weights of a network in its own layout."""
Advance = Callable[[int], None]


@dataclass(frozen=True)
class HeldOutPictures:
    """Held-out pictures (N, S, S, 3), uint8, and the class of each, (N,)."""

    pixels: Pixels
    codes: Codes


@dataclass(frozen=True)
class Trained:
    """The mean of all trainings, and for each stream that of those which learned from it.

    Streams that no training learned from are left out at the end of `judging`; with one stream left
    the mean of its trainings is that of all.
    """

    weights: Weights
    judging: tuple[Weights, ...]


def train(
    network: Trainable,
    objective: "Objective",
    streams: Sequence[Batches],
    plan: TrainingPlan,
    checkpoint: Path,
    held_out: Sequence[HeldOutPictures] = (),
    advance: Advance = lambda seconds: None,
) -> Trained:
    """Train as often as the plan and the time allow, and average the weights.

    Args:
        network: Changed in place.
        objective: The loss.
        streams: Rows and augmented pictures, without end; trainings learn from them in turn.
        plan: How to train.
        checkpoint: Written every minute; if it exists, training resumes from it.
        held_out: For each stream pictures that it does without: a training that makes the mean of
            those from its stream clearly worse on them is dropped and ends the run. Without any all
            are kept.
        advance: Called with whole seconds of training since the last call.
    """
    run = _Run(network, objective, plan, checkpoint, held_out, len(streams))
    run.resume(advance)
    run.save()
    try:
        while not run.is_over and (batch := next(streams[run.stream], None)) is not None:
            run.step(*batch, advance)
            run.save_if_due()
    finally:
        run.save()
    return run.result()


class _Run:
    """State of a run: weights, their moving average, optimiser, clock, and results so far."""

    def __init__(
        self,
        network: Trainable,
        objective: Any,
        plan: TrainingPlan,
        checkpoint: Path,
        held_out: Sequence[HeldOutPictures],
        streams: int,
    ) -> None:
        import torch

        self._torch = torch
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network, self._objective, self._plan = network, objective, plan
        self._checkpoint, self._held_out = checkpoint, held_out
        self._sides = accepted_sides(network, plan.scales)
        network.module.to(self._device)
        objective.module.to(self._device)
        self._random = np.random.default_rng(plan.seed)
        self._parameters = [*network.parameters.values(), *objective.module.parameters()]
        self._trainings = 0
        self._start = tuple(one.detach().clone() for one in self._parameters)
        self._soups: list[Soup | None] = [None] * streams
        self._precise = not _has_bfloat16(self._device)
        self._wanted_steps = plan.epochs * len(objective.codes) / plan.batch_size
        self._seconds, self._told = 0.0, 0
        self._saved = self._last = time.monotonic()
        self.is_over = False
        self._begin()

    def _begin(self) -> None:
        """Start a training from the initial weights."""
        self._set_weights(self._start)
        self._average = [one.clone() for one in self._start]
        self._optimizer = self._adam()
        self._rates = [group["lr"] for group in self._optimizer.param_groups]
        self._steps, self._since = 0, self._seconds

    @property
    def stream(self) -> int:
        """The stream that this training learns from."""
        return self._trainings % len(self._soups)

    @property
    def _side(self) -> int:
        """The size of this training's pictures: others in turn, for each stream too."""
        turn, stream = divmod(self._trainings, len(self._soups))
        return self._sides[(turn + stream) % len(self._sides)]

    @property
    def _time_left(self) -> float:
        """Seconds left for all trainings."""
        return 60.0 * self._plan.minutes - self._seconds

    @property
    def _share(self) -> float:
        """Progress of this training, 0 to 1; it ends with its rounds or when time is up."""
        taken = self._seconds - self._since
        allowed = 60.0 * self._plan.minutes - self._since
        return min(1.0, max(self._steps / self._wanted_steps, taken / allowed))

    def _adam(self) -> "torch.optim.Optimizer":
        plan = self._plan
        fast = self._objective.fast_parameters()
        others = [one for one in self._objective.module.parameters() if not _is_in(one, fast)]
        trunk = list(self._network.parameters.values())
        matrices = [one for one in trunk if one.ndim > 1]
        offsets = [one for one in trunk if one.ndim <= 1]
        groups = [
            {"params": matrices, "lr": plan.learning_rate, "weight_decay": plan.weight_decay},
            {"params": [*offsets, *others], "lr": plan.learning_rate, "weight_decay": 0.0},
            {"params": fast, "lr": plan.learning_rate * plan.proxy_pace, "weight_decay": 0.0},
        ]
        return self._torch.optim.AdamW([group for group in groups if group["params"]])

    def step(self, rows: "torch.Tensor", pictures: "torch.Tensor", advance: Advance) -> None:
        """Learn from a batch: rows (B,), pictures (B, views, 3, S, S), uint8."""
        self._set_rates()
        codes = self._objective.codes[rows].to(self._device)
        pixels = self._sized(pictures.flatten(0, 1).to(self._device)).permute(0, 2, 3, 1)
        views = pictures.shape[1]
        loss = self._loss(pixels, codes.repeat_interleave(views), mixed=views == 1)
        self._optimizer.zero_grad()
        loss.backward()
        self._torch.nn.utils.clip_grad_norm_(self._parameters, self._plan.largest_gradient)
        self._optimizer.step()
        self._steps += 1
        keep = min(self._plan.averaging, (1 + self._steps) / (10 + self._steps))
        now = [one.detach() for one in self._parameters]
        self._torch._foreach_lerp_(self._average, now, 1.0 - keep)
        self._tick()
        self._tell(advance)
        if self._share >= 1.0:
            self._conclude()

    def _sized(self, pictures: "torch.Tensor") -> "torch.Tensor":
        """Resize pictures (N, 3, S, S) for this training."""
        side = self._side
        if side == pictures.shape[-1]:
            return pictures
        resize = self._torch.nn.functional.interpolate
        return resize(pictures, size=(side, side), mode="bilinear", antialias=True)

    def _loss(self, pixels: Any, codes: Any, mixed: bool) -> Any:
        if not mixed or self._random.uniform() >= self._plan.mixed:
            return self._objective(self._features(pixels), codes)
        pixels, other, share = paste_across(pixels, self._random)
        features = self._features(pixels)
        first, second = (self._objective(features, each) for each in (codes, codes[other]))
        return share * first + (1.0 - share) * second

    def _features(self, pixels: Any) -> Any:
        torch = self._torch
        with torch.autocast(self._device.type, torch.bfloat16, enabled=not self._precise):
            features = self._network.module(pixels)
        return torch.nn.functional.normalize(features.float())

    def _set_rates(self) -> None:
        share = self._share
        pace = min(1.0, share / self._plan.warm_up + 0.01)
        pace *= 0.5 * (1.0 + math.cos(math.pi * share))
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * pace

    def _tick(self) -> None:
        """Add the time since the last step, including the wait for pictures."""
        now = time.monotonic()
        self._seconds += now - self._last
        self._last = now

    def _tell(self, advance: Advance) -> None:
        whole = min(int(self._seconds), int(60 * self._plan.minutes))
        if whole > self._told:
            advance(whole - self._told)
            self._told = whole

    def _conclude(self) -> None:
        """End a training: average it in or drop it, and start another if time remains."""
        before, found = self._soups[self.stream], self._tasted(tuple(self._average))
        taken = before is None or not before.is_clearly_better(found, self._held_out_count)
        if taken:
            self._soups[self.stream] = found
        enough = sum(one.members for one in self._soups if one) >= self._plan.members
        per_pixel = (self._seconds - self._since) / self._side**2
        self._trainings += 1
        needed = LEAST_LEFT * per_pixel * self._side**2
        self.is_over = enough or not taken or self._time_left < needed
        self._begin()

    def _tasted(self, weights: "tuple[torch.Tensor, ...]") -> Soup:
        """Average one more training in with those from its stream, and try it on held-out ones."""
        before, one = self._soups[self.stream], Soup(weights)
        found = one if before is None else mean_of([before, one])
        if not self._held_out:
            return found
        self._set_weights(found.weights)
        return replace(found, accuracy=self._accuracy(self._held_out[self.stream]))

    @property
    def _held_out_count(self) -> int:
        return len(self._held_out[self.stream].codes) if self._held_out else 0

    def _accuracy(self, held_out: HeldOutPictures) -> float:
        """Return the share of pictures whose nearest proxy is that of their class."""
        torch, right = self._torch, 0
        with torch.no_grad():
            for start in range(0, len(held_out.codes), FEATURES_AT_ONCE):
                part = slice(start, start + FEATURES_AT_ONCE)
                pixels = torch.from_numpy(np.ascontiguousarray(held_out.pixels[part]))
                codes = torch.from_numpy(held_out.codes[part]).to(self._device)
                found = self._objective.classes(self._features(pixels.to(self._device)))
                right += int((found == codes).sum())
        return right / len(held_out.codes)

    def _set_weights(self, weights: "tuple[torch.Tensor, ...]") -> None:
        for one, wanted in zip(self._parameters, weights, strict=True):
            one.data.copy_(wanted)

    def save_if_due(self) -> None:
        """Save once a minute."""
        if time.monotonic() - self._saved >= SAVED_EACH_S:
            self.save()

    def save(self) -> None:
        """Write the state, so that an interrupted run can resume."""
        aside = self._checkpoint.with_suffix(".part")
        with self._torch.no_grad():
            state = {
                "plan": asdict(self._plan),
                "parameters": self._parameters,
                "average": self._average,
                "optimizer": self._optimizer.state_dict(),
                "soups": [one and one.state() for one in self._soups],
                "clock": (self._steps, self._seconds, self._since),
                "trainings": (self._trainings, self.is_over),
            }
            self._torch.save(state, aside)
        os.replace(aside, self._checkpoint)
        self._saved = time.monotonic()

    def resume(self, advance: Advance) -> None:
        """Resume from a stored state, if it belongs to this plan."""
        if not self._checkpoint.is_file():
            return
        state = self._torch.load(self._checkpoint, map_location=self._device, weights_only=True)
        if (state["plan"], len(state["soups"])) != (asdict(self._plan), len(self._soups)):
            return
        self._set_weights(state["parameters"])
        self._average = state["average"]
        self._optimizer.load_state_dict(state["optimizer"])
        self._soups = [one and Soup(**one) for one in state["soups"]]
        self._steps, self._seconds, self._since = state["clock"]
        self._trainings, self.is_over = state["trainings"]
        self._random = np.random.default_rng([self._plan.seed, int(self._seconds)])
        self._tell(advance)

    def result(self) -> Trained:
        """The means of all trainings so far, or the unfinished first one."""
        found = [one for one in self._soups if one] or [Soup(tuple(self._average))]
        return Trained(self._weights_of(mean_of(found)), tuple(map(self._weights_of, found)))

    def _weights_of(self, soup: Soup) -> Weights:
        self._set_weights(soup.weights)
        return {name: one.clone() for name, one in self._network.weights().items()}


def _is_in(one: Any, several: list[Any]) -> bool:
    return any(one is other for other in several)


def _has_bfloat16(device: Any) -> bool:
    """Return whether bfloat16 is faster than float32 on the device."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    from search_engine.encoders.runtime.openvino_export import float_precision

    return float_precision() == "bf16"
