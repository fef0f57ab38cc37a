"""Training a network so that pictures of one class lie together, within a given time.

What is used in the end is the moving average of the weights (Polyak and Juditsky, 1992) that did
best on held-out pictures. On groceries that is reached in a third of the time, and the last average
is no better: on validation photos hit_rate@1 0.882 and 0.872.
"""

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from search_engine.records import Pixels
from search_engine.tally import Codes
from search_engine.tuning.augmentation import paste_across
from search_engine.tuning.objectives import Objective
from search_engine.tuning.plan import TrainingPlan
from search_engine.tuning.trainable import Trainable

if TYPE_CHECKING:
    import torch

SAVED_EACH_S = 60.0
FEATURES_AT_ONCE = 64

Batches = Iterator["tuple[torch.Tensor, torch.Tensor]"]
Advance = Callable[[int], None]


@dataclass(frozen=True)
class HeldOutPictures:
    """Pictures that are not learned from: (N, S, S, 3), uint8, and the class of each, (N,)."""

    pixels: Pixels
    codes: Codes


def train(
    network: Trainable,
    objective: "Objective",
    stream: Batches,
    plan: TrainingPlan,
    checkpoint: Path,
    held_out: HeldOutPictures | None = None,
    advance: Advance = lambda seconds: None,
) -> "dict[str, torch.Tensor]":
    """Train until the time or the stream is over, or held-out pictures show no more progress.

    Args:
        network: Changed in place.
        objective: What to strive for.
        stream: Rows and augmented pictures.
        plan: How.
        checkpoint: Written each minute; where it is there already, training goes on from it.
        held_out: What tells when it is enough; None: train to the end.
        advance: Called with whole seconds of training done.

    Returns:
        The weights in the network's own layout.
    """
    run = _Run(network, objective, plan, checkpoint)
    run.resume(advance)
    run.save()
    try:
        while not run.is_over and (batch := next(stream, None)) is not None:
            run.step(*batch, advance)
            if held_out is not None:
                run.check_if_due(held_out)
            run.save_if_due()
    finally:
        run.save()
    return run.result()


class _Run:
    """Weights, their moving average, the optimiser and the clock."""

    def __init__(
        self, network: Trainable, objective: Any, plan: TrainingPlan, checkpoint: Path
    ) -> None:
        import torch

        self._torch = torch
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network, self._objective, self._plan = network, objective, plan
        self._checkpoint = checkpoint
        network.module.to(self._device)
        objective.module.to(self._device)
        self._random = np.random.default_rng(plan.seed)
        self._parameters = [*network.parameters.values(), *objective.module.parameters()]
        self._average = [one.detach().clone() for one in self._parameters]
        self._best: tuple[float, float, list[torch.Tensor]] | None = None
        self._optimizer = self._adam()
        self._rates = [group["lr"] for group in self._optimizer.param_groups]
        self._precise = not _has_bfloat16(self._device)
        self._steps, self._seconds, self._checked, self._told = 0, 0.0, 0, 0
        self._saved = self._last = time.monotonic()

    @property
    def share(self) -> float:
        """Of the time that is over, 0 to 1."""
        return self._seconds / (60.0 * self._plan.minutes)

    @property
    def is_over(self) -> bool:
        return self.share >= 1.0 or self._is_idle

    @property
    def _is_idle(self) -> bool:
        """Whether held-out pictures have shown no progress for long."""
        return self._best is not None and self.share - self._best[1] > self._plan.patience

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
        pixels = pictures.flatten(0, 1).permute(0, 2, 3, 1).to(self._device)
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
        share = self.share
        pace = min(1.0, share / self._plan.warm_up + 0.01)
        pace *= 0.5 * (1.0 + math.cos(math.pi * min(share, 1.0)))
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * pace

    def _tick(self) -> None:
        """Count all time since the last step, waiting for pictures included."""
        now = time.monotonic()
        self._seconds += now - self._last
        self._last = now

    def _tell(self, advance: Advance) -> None:
        whole = min(int(self._seconds), int(60 * self._plan.minutes))
        if whole > self._told:
            advance(whole - self._told)
            self._told = whole

    def check_if_due(self, held_out: HeldOutPictures) -> None:
        """Look at held-out pictures with the average of the weights, now and then."""
        if int(self.share * self._plan.checks) <= self._checked:
            return
        self._checked = int(self.share * self._plan.checks)
        self._swap()
        right = self._held_out_accuracy(held_out)
        self._swap()
        if self._best is None or right >= self._best[0]:
            self._best = right, self.share, [one.clone() for one in self._average]

    def _held_out_accuracy(self, held_out: HeldOutPictures) -> float:
        """The share of pictures that are nearest to the proxy of their class."""
        torch, right = self._torch, 0
        with torch.no_grad():
            for start in range(0, len(held_out.codes), FEATURES_AT_ONCE):
                part = slice(start, start + FEATURES_AT_ONCE)
                pixels = torch.from_numpy(np.ascontiguousarray(held_out.pixels[part]))
                codes = torch.from_numpy(held_out.codes[part]).to(self._device)
                found = self._objective.classes(self._features(pixels.to(self._device)))
                right += int((found == codes).sum())
        return right / len(held_out.codes)

    def _swap(self) -> None:
        """Exchange the weights and their average."""
        for one, average in zip(self._parameters, self._average, strict=True):
            now = one.detach().clone()
            one.data.copy_(average)
            average.copy_(now)

    def save_if_due(self) -> None:
        """Save once a minute."""
        if time.monotonic() - self._saved >= SAVED_EACH_S:
            self.save()

    def save(self) -> None:
        """Write the state, so that a run that is interrupted can go on."""
        aside = self._checkpoint.with_suffix(".part")
        with self._torch.no_grad():
            state = {
                "plan": asdict(self._plan),
                "parameters": self._parameters,
                "average": self._average,
                "best": self._best,
                "optimizer": self._optimizer.state_dict(),
                "clock": (self._steps, self._seconds, self._checked),
            }
            self._torch.save(state, aside)
        os.replace(aside, self._checkpoint)
        self._saved = time.monotonic()

    def resume(self, advance: Advance) -> None:
        """Go on from the state that was written, if it is one of this plan."""
        if not self._checkpoint.is_file():
            return
        state = self._torch.load(self._checkpoint, map_location=self._device, weights_only=True)
        if state["plan"] != asdict(self._plan):
            return
        with self._torch.no_grad():
            for one, saved in zip(self._parameters, state["parameters"], strict=True):
                one.copy_(saved)
        self._average, self._best = state["average"], state["best"]
        self._optimizer.load_state_dict(state["optimizer"])
        self._steps, self._seconds, self._checked = state["clock"]
        self._random = np.random.default_rng([self._plan.seed, self._steps])
        self._tell(advance)

    def result(self) -> "dict[str, torch.Tensor]":
        """The best weights."""
        best = self._average if self._best is None else self._best[2]
        for one, kept in zip(self._parameters, best, strict=True):
            one.data.copy_(kept)
        return self._network.weights()


def _is_in(one: Any, several: list[Any]) -> bool:
    return any(one is other for other in several)


def _has_bfloat16(device: Any) -> bool:
    """Whether bfloat16 is faster than float32 there."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    from search_engine.encoders.runtime.openvino_export import float_precision

    return float_precision() == "bf16"


def keep_freed_memory() -> None:
    """Let glibc keep what is freed for the next step.

    It would give large blocks back to the kernel and take fresh ones, cleared page by page, in
    each step: 1.4 times as slow. `man mallopt` has the numbers.
    """
    import ctypes

    most_mapped, trim_threshold = -4, -1
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(most_mapped, 0)
        mallopt(trim_threshold, 2**31 - 1)
