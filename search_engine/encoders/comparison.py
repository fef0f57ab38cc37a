"""Compare the runtimes of this machine: their speed, and how close they are to float32 torch."""

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
    """Figures of a runtime: median rates in batches, and median latencies in milliseconds.

    `choice` is the setting, `runtime` its description on this machine. Cosines compare its
    embeddings with those of float32 torch.
    """

    choice: RuntimeChoice
    runtime: str
    images_per_second: float
    single_ms: float
    cosine_min: float
    cosine_mean: float
    chosen: bool


def compare_runtimes(request: EncoderRequest, pixels: Pixels) -> list[RuntimeFigures]:
    """Measure every available runtime, and mark the one that `auto` chooses.

    Args:
        request: The encoder; its `runtime` is ignored.
        pixels: Pictures, as `Encoder.encode` takes them; at least one.

    Raises:
        ParameterError: The encoder has no network, so there is nothing to choose.
    """
    chosen = create_encoder(replace(request, runtime="auto"))
    if not isinstance(chosen, CnnEncoder):
        raise ParameterError(f"{request.name} has no network to run", where="bench")
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
    """Time each in seconds, in turns so that noise hits all, after one warm-up run."""
    for encoder in encoders.values():
        encoder.encode(pixels)
    taken: dict[RuntimeChoice, list[float]] = {choice: [] for choice in encoders}
    for _ in range(rounds):
        for choice, encoder in encoders.items():
            started = time.perf_counter()
            encoder.encode(pixels)
            taken[choice].append(time.perf_counter() - started)
    return taken
