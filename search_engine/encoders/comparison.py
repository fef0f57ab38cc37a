"""The runtimes of this machine beside each other: how fast, and how near to float32 torch."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from search_engine.encoders.base import Encoder, unit_rows
from search_engine.encoders.cnn import CnnEncoder
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.encoders.runtime import RuntimeChoice, load_runtime, present_choices
from search_engine.errors import ParameterError
from search_engine.records import Pixels

ROUNDS = 5
SINGLES = 10


@dataclass(frozen=True, slots=True)
class RuntimeFigures:
    """One runtime: medians of its rates in batches and of its latencies, in milliseconds.

    `choice` is what to ask for, `runtime` what it is here. The cosines are those of its embeddings
    with what float32 torch makes of the same pictures.
    """

    choice: RuntimeChoice
    runtime: str
    images_per_second: float
    single_ms: float
    cosine_min: float
    cosine_mean: float
    chosen: bool


def compare_runtimes(request: EncoderRequest, pixels: Pixels) -> list[RuntimeFigures]:
    """Figures of every runtime that is here, the one that `auto` takes marked as chosen.

    Args:
        request: The encoder; its `runtime` says nothing here.
        pixels: Pictures, as `Encoder.encode` takes them; at least one.

    Raises:
        ParameterError: The encoder has no network, so there is nothing to choose.
    """
    chosen = create_encoder(replace(request, runtime="auto"))
    if not isinstance(chosen, CnnEncoder):
        raise ParameterError(f"{request.name} has no network to run", where="--bench")
    encoders: dict[RuntimeChoice, Encoder] = {}
    for choice in present_choices(chosen.source):
        encoder = create_encoder(replace(request, runtime=choice))
        if encoder.runtime not in {other.runtime for other in encoders.values()}:
            encoders[choice] = encoder
    reference = unit_rows(load_runtime("torch-float32", chosen.source).run(pixels))
    rates = _in_turns(encoders, pixels, ROUNDS)
    singles = _in_turns(encoders, pixels[:1], SINGLES)
    figures = []
    for choice, encoder in encoders.items():
        cosines = np.vecdot(encoder.encode(pixels), reference)
        figures.append(
            RuntimeFigures(
                choice=choice,
                runtime=encoder.runtime,
                images_per_second=len(pixels) / median(rates[choice]),
                single_ms=1_000 * median(singles[choice]),
                cosine_min=float(cosines.min()),
                cosine_mean=float(cosines.mean()),
                chosen=encoder.runtime == chosen.runtime,
            )
        )
    return sorted(figures, key=lambda one: -one.images_per_second)


def _in_turns(
    encoders: Mapping[RuntimeChoice, Encoder], pixels: Pixels, rounds: int
) -> dict[RuntimeChoice, list[float]]:
    """Seconds of each, after once for warming up; in turns, so that a noisy moment hits all."""
    for encoder in encoders.values():
        encoder.encode(pixels)
    taken: dict[RuntimeChoice, list[float]] = {choice: [] for choice in encoders}
    for _ in range(rounds):
        for choice, encoder in encoders.items():
            started = time.perf_counter()
            encoder.encode(pixels)
            taken[choice].append(time.perf_counter() - started)
    return taken
