"""`eyedex encoders recommend`: what to take for which catalog, and how fast that is here."""

import tempfile
from pathlib import Path
from typing import Any

from api.cli.terminal.output import print_json, print_table

NOT_PUBLISHED = "?"


def recommend(measure: bool, as_json: bool) -> None:
    """Print the recommended encoders; with `measure` their images a second, by random weights."""
    from dataclasses import asdict

    from search_engine.encoders.recommended import RECOMMENDED

    rows: list[dict[str, Any]] = [asdict(one) for one in RECOMMENDED]
    if measure:
        for row in rows:
            row.update(measured(row["name"], row["bundled"]))
    if as_json:
        print_json({"encoders": rows})
        return
    heads = ["encoder", "for", "licence", "dimension", "pixels", "published"]
    if measure:
        heads.append("images/s here")
    print_table(heads, [_cells(row, measure) for row in rows])
    print("published: product search without training on its data, by others; ? is not known")


def measured(name: str, bundled: bool) -> dict[str, Any]:
    """How many made pictures an encoder embeds a second, None and why where it cannot run."""
    from indexer.encoding_speed import rate_of
    from search_engine.encoders.random_weights import save_random_weights
    from search_engine.encoders.registry import EncoderRequest, create_encoder
    from search_engine.errors import EyedexError

    with tempfile.TemporaryDirectory(prefix="eyedex-") as folder:
        try:
            request = EncoderRequest(name)
            if not bundled:
                request = save_random_weights(name, Path(folder) / "random.safetensors")
            rate = rate_of(create_encoder(request))
        except EyedexError as error:
            return {"images_per_second": None, "not_measured_because": f"{error}"}
    return {"images_per_second": round(rate, 1), "not_measured_because": None}


def _cells(row: dict[str, Any], measure: bool) -> list[object]:
    figures = "; ".join(
        f"{one['measure']} {one['value']:g} ({one['source']})" for one in row["figures"]
    )
    cells = [row["name"], row["suits"], row["licence"], row["dimension"], row["size_px"]]
    cells.append(figures or NOT_PUBLISHED)
    if measure:
        cells.append(row["images_per_second"] or row["not_measured_because"])
    return cells
