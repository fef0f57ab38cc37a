"""What crops of a catalog's pictures (`eyedex index --patches`) find, and what they cost.

    python -m benchmarks.patches [--json] [--photos 150] [--gallery 400]

Cluttered: a catalog of pictures pasted small (a tenth to a third of the area) onto mosaics of crops
of validation photos, asked with the pictures themselves; right is the item that each was pasted
into. Plain: a catalog of training photos, asked with validation photos; right is an item of the
same label. All by the engine. `index_ms` is what embedding the crops took a picture, `search_ms`
the median search without decoding and encoding, `index_MB` and `catalog_MB` what lies on disk.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.cluttered import cluttered
from benchmarks.explain import some_photos
from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.quality import SPLITS
from benchmarks.regions import label
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.encoders.patches import COST, LATTICES
from search_engine.encoders.registry import DEFAULT_ENCODER
from search_engine.engine import SearchEngine

SHOWN = 10
Right = Callable[[Path, str], bool]
"""Whether an item is right for a photo."""


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--photos", type=int, default=150)
    parser.add_argument("--gallery", type=int, default=400)
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for dataset, (train, validation) in SPLITS.items():
        root, asked = DATASETS / dataset / train, DATASETS / dataset / validation
        gallery, photos = some_photos(root, given.gallery), some_photos(asked, given.photos)
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            things = pasted(gallery, photos, given.photos, work / "cluttered")
            rows += measure(
                f"{dataset}, cluttered",
                work / "cluttered",
                things,
                lambda photo, item_id: item_id == f"{photo.stem}.jpg",
            )
            for photo in gallery:
                copy = work / "plain" / photo.relative_to(root)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(photo, copy)
            rows += measure(
                f"{dataset}, plain",
                work / "plain",
                photos,
                partial(_has_its_label, asked),
            )
    report(rows, given.json, encoder=DEFAULT_ENCODER, cost=COST)


def _has_its_label(root: Path, photo: Path, item_id: str) -> bool:
    return str(Path(item_id).parent) == label(photo, root)


def pasted(gallery: Sequence[Path], others: Sequence[Path], count: int, folder: Path) -> list[Path]:
    """Draw a catalog of cluttered pictures, named by what was pasted into them; says what."""
    folder.mkdir()
    things = []
    for number in np.random.default_rng(1).permutation(len(gallery))[:count].tolist():
        picture = folder / f"{gallery[number].stem}.jpg"
        if not picture.exists():
            cluttered(gallery[number], others, number).save(picture, quality=90)
            things.append(gallery[number])
    return things


def measure(name: str, catalog: Path, photos: Sequence[Path], right: Right) -> list[dict[str, Any]]:
    """A row for each number of patches, of one catalog."""
    settings = Settings(data=catalog.parent / f"{catalog.name}-data")
    return [
        {"catalog": name, "patches": count, **_indexed(settings, catalog, count, photos, right)}
        for count in (0, *LATTICES)
    ]


def _indexed(
    settings: Settings, catalog: Path, count: int, photos: Sequence[Path], right: Right
) -> dict[str, Any]:
    run = index_source(open_source(catalog), IndexRequest(patches=count), settings)
    made = run.patches.embedded if run.patches else 0
    with SearchEngine(settings=settings, create=False) as engine:
        results = [engine.search(photo, k=SHOWN) for photo in photos]
        size = engine.catalog.count(engine.live("default").record)
    found = np.array(
        [
            [right(photo, each.item.item_id) for each in result.neighbors]
            for photo, result in zip(photos, results, strict=True)
        ]
    )
    indexes = settings.paths.root / "indexes"
    return {
        "items": size,
        "queries": len(found),
        "hit_rate@1": round(float(found[:, 0].mean()), 3),
        f"hit_rate@{SHOWN}": round(float(found.any(axis=1).mean()), 3),
        f"precision@{SHOWN}": round(float(found.mean()), 3),
        "index_ms": round(run.stages.get("patches", 0.0) * 1000 / max(1, made), 1),
        "search_ms": round(median(each.timings_ms["search"] for each in results), 2),
        "index_MB": _megabytes(indexes.rglob("*")),
        "catalog_MB": _megabytes(settings.paths.root.glob("catalog.sqlite*")),
    }


def _megabytes(files: Iterable[Path]) -> float:
    size: int = sum(each.stat().st_size for each in files if each.is_file())
    return round(size / 1e6, 1)


if __name__ == "__main__":
    main()
