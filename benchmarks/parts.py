"""Whether `parts` finds what has the shape of a photo, or its colours.

    python -m benchmarks.parts [--json] [--photos 150] [--gallery 1000] [--datasets NAME ...]

Training photos are the catalog, and with them two twins of each of some validation photos: one of
the same shape in other colours (red, green and blue exchanged), and one of the same colours with
edges that run otherwise (turned by a quarter). The validation photos ask, without `parts` and with
them at several shares: `shape first` is how often the twin of the same shape comes before the
other, `shape in 10` and `colours in 10` how often each is among the first ten, and `precision` how
many of the first ten that are no twins have the photo's label. Without `parts` a turned photo is a
copy, which always comes first.
"""

import io
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.explain import some_photos
from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.quality import SPLITS
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.records import SearchResult

SHOWN, AMONG = 10, 200
SHAPE, COLOURS = "twin-shape", "twin-colours"
TRIED: Sequence[dict[str, float] | None] = (
    None,
    {"shape": 0.25},
    {"shape": 0.5},
    {"shape": 0.75},
    {"color": 0.25},
    {"color": 0.5},
    {"color": 0.75},
    {"shape": 0.25, "color": 0.25},
)


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--photos", type=int, default=150)
    parser.add_argument("--gallery", type=int, default=1_000)
    parser.add_argument("--datasets", nargs="+", choices=SPLITS, default=list(SPLITS))
    given = parser.parse_args()
    rows = []
    for dataset in given.datasets:
        train, validation = (DATASETS / dataset / split for split in SPLITS[dataset])
        with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as folder:
            rows += measure(
                dataset,
                some_photos(train, given.gallery),
                some_photos(validation, given.photos),
                Path(folder),
            )
    report(rows, given.json)


def measure(
    dataset: str, gallery: Sequence[Path], asked: Sequence[Path], work: Path
) -> list[dict[str, Any]]:
    """A row for each of `TRIED`."""
    photos = work / "photos"
    for number, path in enumerate(gallery):
        put(path, photos / path.parent.name / f"{number}{path.suffix}")
    for number, path in enumerate(asked):
        make_twins(path, photos, number)
    settings = Settings(data=work / "data")
    index_source(open_source(photos), IndexRequest(), settings)
    with SearchEngine(settings=settings) as engine:
        return [
            {"dataset": dataset, "parts": str(parts or "none"), **figures(engine, asked, parts)}
            for parts in TRIED
        ]


def put(path: Path, target: Path) -> None:
    """Let a photo stand in a folder of its label."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, target)


def make_twins(path: Path, photos: Path, number: int) -> None:
    """The two twins of a photo, as JPEG."""
    image = Image.open(path).convert("RGB")
    red, green, blue = image.split()
    twins = {
        SHAPE: Image.merge("RGB", (blue, red, green)),
        COLOURS: image.transpose(Image.Transpose.ROTATE_90),
    }
    for name, twin in twins.items():
        folder = photos / name
        folder.mkdir(parents=True, exist_ok=True)
        file = io.BytesIO()
        twin.save(file, "JPEG", quality=90)
        (folder / f"{number}.jpg").write_bytes(file.getvalue())


def figures(
    engine: SearchEngine, asked: Sequence[Path], parts: dict[str, float] | None
) -> dict[str, Any]:
    """What the photos find."""
    first, near, precision = [], [], []
    for number, path in enumerate(asked):
        found = engine.search(path, k=AMONG, parts=parts)
        places = {name: place_of(found, f"{name}/{number}.jpg") for name in (SHAPE, COLOURS)}
        first.append(places[SHAPE] < places[COLOURS])
        near.append([places[name] < SHOWN for name in (SHAPE, COLOURS)])
        labels = [each.item.label for each in found.neighbors]
        others = [label for label in labels if label not in (SHAPE, COLOURS)][:SHOWN]
        precision.append(np.mean([label == path.parent.name for label in others]))
    shape, colours = np.mean(near, axis=0)
    return {
        "photos": len(asked),
        "shape first": round(float(np.mean(first)), 3),
        "shape in 10": round(float(shape), 3),
        "colours in 10": round(float(colours), 3),
        "precision": round(float(np.mean(precision)), 3),
    }


def place_of(found: SearchResult, item_id: str) -> float:
    """Where an item stands, from 0; infinity where it is not among these."""
    ids = [each.item.item_id for each in found.neighbors]
    return ids.index(item_id) if item_id in ids else float("inf")


if __name__ == "__main__":
    main()
