"""What runs a collection's network: a table of the runtimes here, and the making of int8."""

import sys
from dataclasses import asdict
from pathlib import Path

from api.cli.options import settings_from
from api.cli.terminal.output import print_json, print_table
from search_engine.adapt.int8_gate import LEAST_COSINE, Int8Figures
from search_engine.collections.encoders import encoder_request
from search_engine.encoders.comparison import RuntimeFigures, compare_runtimes
from search_engine.engine import SearchEngine
from search_engine.errors import EncoderError, ParameterError

BENCH_PICTURES = 64


def bench(data: Path | None, collection: str, as_json: bool) -> None:
    """Measure all runtimes on pictures of the collection, fastest first."""
    with SearchEngine(settings=settings_from(data), create=False) as engine:
        request = encoder_request(engine.live(collection).record, engine.settings, engine.catalog)
        pixels = engine.pixels(BENCH_PICTURES, collection=collection)
    if len(pixels) == 0:
        raise ParameterError(
            f"collection {collection} has no pictures to measure with",
            where="--bench",
            fix="index some first",
        )
    figures = compare_runtimes(request, pixels)
    if as_json:
        print_json(
            {
                "encoder": request.name,
                "pictures": len(pixels),
                "runtimes": [asdict(one) for one in figures],
            }
        )
        return
    columns = ("--runtime", "computes in", "images/s", "one, ms", "cosine", "least")
    print_table(columns, [_row(one) for one in figures])
    print(f"{request.name}, {len(pixels)} pictures; cosine to float32 torch", file=sys.stderr)


def _row(one: RuntimeFigures) -> list[str]:
    return [
        one.choice + (" (chosen)" if one.chosen else ""),
        one.runtime.partition(" ")[2],
        f"{one.images_per_second:.0f}",
        f"{one.single_ms:.1f}",
        f"{one.cosine_mean:.4f}",
        f"{one.cosine_min:.4f}",
    ]


def calibrate_int8(data: Path | None, collection: str, as_json: bool) -> None:
    """Make `--runtime openvino-int8` for the collection's network, if it proves good enough."""
    from search_engine.adapt import int8 as int8_calibration

    with SearchEngine(settings=settings_from(data), create=False) as engine:
        figures = int8_calibration.calibrate_int8(engine, collection, _say)
    if as_json:
        print_json(
            {**asdict(figures), "accepted": not figures.refusals, "refusals": figures.refusals}
        )
    else:
        _print_figures(figures)
    if figures.refusals:
        raise EncoderError(
            f"int8 was not kept: {'; '.join(figures.refusals)}",
            where=f"collection {collection}",
            fix="stay with another runtime",
        )
    _say("kept; `--runtime openvino-int8` or EYEDEX_RUNTIME=openvino-int8 uses it")


def _print_figures(figures: Int8Figures) -> None:
    """The figures beside what they have to be."""
    least = f"at least {LEAST_COSINE}"
    rows = [
        ["cosine to float32, mean", f"{figures.cosine_mean:.4f}", least],
        ["of all but 1 in 100", f"{figures.cosine_p1:.4f}", least],
        ["least", f"{figures.cosine_min:.4f}", ""],
        ["pictures held out", f"{figures.held_out:,}", ""],
    ]
    if figures.accuracy_float32 is not None and figures.accuracy_int8 is not None:
        rows += [
            ["accuracy, float32", f"{figures.accuracy_float32:.2%}", ""],
            [
                "accuracy, int8",
                f"{figures.accuracy_int8:.2%}",
                f"at least {figures.accuracy_float32 - figures.most_lost:.2%}",
            ],
        ]
    rows.append(["pictures with a label", f"{figures.labelled:,}", ""])
    print_table(("int8", "found", "wanted"), rows)


def _say(stage: str) -> None:
    print(stage, file=sys.stderr)
