"""How honest scores are: how alike neighbors are, photos of another world, and unknown classes.

    python -m benchmarks.alike [--json] [--photos 400] [--tuned]

The training photos of a dataset are the catalog, by the default encoder as it comes or behind a
projection (`--tuned`), and all that is fitted is fitted on them. `alike` asks with its validation
photos: what share of their ten neighbors has their label, what `alike` says in the mean, its
calibration error, and how many of the neighbors with that label are left where `min_alike` is 0.5,
and what share of those has it. `foreign` is the share of photos that nothing looks like: of the
validation photos, where each is one lost, of photos of the other dataset, of drawings, of noise and
of screens of text.
"""

import io
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.explain import some_photos
from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.quality import SPLITS
from data.sample_catalog.writer import write_catalog
from indexer.change.tune import tune_collection
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.metrics import expected_calibration_error
from search_engine.records import SearchResult
from search_engine.search.subject import Asked

AT_ONCE = 64
SHOWN = 10
DRAWN, MADE = 40, 50
LEAST = 0.5
SIDE_PX = 320
WORDS = ("Settings", "Search", "File", "Home", "Price", "12.99", "Add", "Sign in", "Next", "Help")


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--tuned", action="store_true")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as folder:
        made = {
            "drawings": drawings(Path(folder) / "drawn"),
            "noise": noise(),
            "screens": screens(),
        }
        photos = {
            dataset: some_photos(DATASETS / dataset / validation, given.photos)
            for dataset, (_, validation) in SPLITS.items()
        }
        for dataset, (train, validation) in SPLITS.items():
            settings = Settings(data=Path(folder) / dataset)
            index_source(open_source(DATASETS / dataset / train), IndexRequest(), settings)
            with SearchEngine(settings=settings) as engine:
                if given.tuned:
                    tune_collection(engine, "default")
                root = DATASETS / dataset / validation
                rows.append(alike(engine, dataset, photos[dataset], root))
                others = {name: found for name, found in photos.items() if name != dataset}
                for name, asked in {dataset: photos[dataset], **others, **made}.items():
                    foreign = [is_foreign(each) for each in answers(engine, asked)]
                    rows.append(
                        {
                            "catalog": dataset, "asked": name, "photos": len(foreign),
                            "foreign": round(float(np.mean(foreign)), 4),
                        }
                    )  # fmt: skip
    report(rows, given.json, tuned=given.tuned)


def answers(engine: SearchEngine, asked: Sequence[Path | bytes]) -> Iterator[SearchResult]:
    """The answer to each photo."""
    for start in range(0, len(asked), AT_ONCE):
        batch = [Asked(each) for each in asked[start : start + AT_ONCE]]
        for outcome in engine.search_many(batch, k=SHOWN):
            if not isinstance(outcome, SearchResult):
                raise outcome
            yield outcome


def is_foreign(result: SearchResult) -> bool:
    """Whether nothing looks like the photo."""
    return result.alike_unknown_because == "foreign"


def alike(engine: SearchEngine, name: str, asked: Sequence[Path], root: Path) -> dict[str, Any]:
    """How well `alike` says which neighbors have the label of a photo."""
    chances, same = [], []
    for photo, result in zip(asked, answers(engine, asked), strict=True):
        label = photo.relative_to(root).parent.as_posix()
        for each in result.neighbors:
            if each.alike is not None:
                chances.append(each.alike)
                same.append(each.item.label == label)
    sure, right = np.array(chances), np.array(same)
    kept = sure >= LEAST
    return {
        "catalog": name,
        "neighbors": len(sure),
        "alike": round(float(right.mean()), 4),
        "said": round(float(sure.mean()), 4),
        "ece": round(expected_calibration_error(sure, right), 4),
        f"kept at {LEAST}": round(float(right[kept].sum() / right.sum()), 4),
        "of these alike": round(float(right[kept].mean()), 4) if kept.any() else None,
    }


def drawings(folder: Path) -> list[Path]:
    """Pictures of the drawn catalog."""
    write_catalog(folder, products=DRAWN)
    return some_photos(folder, DRAWN)


def noise() -> list[bytes]:
    """Pictures of noise, from fine to coarse."""
    random = np.random.default_rng(0)
    sides = [4 ** (1 + number % 4) for number in range(MADE)]
    return [
        _png(Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8)))
        for side in sides
    ]


def screens() -> list[bytes]:
    """Pictures of windows with words."""
    return [_screen(np.random.default_rng(seed)) for seed in range(MADE)]


def _screen(random: np.random.Generator) -> bytes:
    picture = Image.new("RGB", (SIDE_PX, SIDE_PX), tuple(random.integers(200, 256, 3).tolist()))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, SIDE_PX, 28), fill=tuple(random.integers(0, 160, 3).tolist()))
    for top in range(40, SIDE_PX, int(random.integers(14, 30))):
        line = " ".join(random.choice(WORDS, int(random.integers(1, 7))))
        draw.text((int(random.integers(8, 90)), top), line, fill="black")
    return _png(picture)


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.resize((SIDE_PX, SIDE_PX), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


if __name__ == "__main__":
    main()
