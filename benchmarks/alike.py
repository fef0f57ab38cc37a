"""How honest scores are: how alike neighbors are, photos of another world, and unknown classes.

    python -m benchmarks.alike [--json] [--photos 400] [--tuned]

The training photos of a dataset are the catalog, by the default encoder as it comes or behind a
projection (`--tuned`), and all that is fitted is fitted on them. `alike` asks with its validation
photos: what share of their ten neighbors has their label, what `alike` says in the mean, its
calibration error, and how many of the neighbors with that label are left where `min_alike` is 0.75,
and what share of those has it. `foreign` is the share of photos that nothing looks like: of the
validation photos, where each is one lost, of photos of the other dataset, of drawings, of noise and
of screens of text. `unknown` takes classes out of the catalog (2 of 10, 10 of 81) ten times, tunes
the rest (or does not), and asks with all validation photos: how well `known` tells those of other
classes, and
the share of photos of known classes (lost) and of others (caught) that is below 0.02.
"""

import io
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from sklearn.metrics import roc_auc_score

from benchmarks.explain import some_photos
from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.quality import SPLITS
from benchmarks.vote import load_gallery
from data.sample_catalog.writer import write_catalog
from indexer.change.tune import tune_collection
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.collections.labelled import Labelled, read_gallery
from search_engine.config import Settings
from search_engine.encoders.projection import project
from search_engine.encoders.projection_learning import learn
from search_engine.engine import SearchEngine
from search_engine.metrics import expected_calibration_error
from search_engine.records import SearchResult
from search_engine.search.asked import Asked
from search_engine.things import things_of
from search_engine.vote.calibration.fit import known_labels
from search_engine.vote.calibration.fit_known import SHRINKAGE, fit_known, fit_known_apart
from search_engine.vote.calibration.known import UNLIKELY

AT_ONCE = 64
SHOWN = 10
DRAWN, MADE = 40, 50
LEAST = 0.75
SIDE_PX = 320
TAKEN_OUT = {"clothing": 2, "grocery": 10}
DRAWS = 10
WORDS = ("Settings", "Search", "File", "Home", "Price", "12.99", "Add", "Sign in", "Next", "Help")


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--tuned", action="store_true")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as folder:
        made: dict[str, Sequence[Path | bytes]] = {
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
                if not given.tuned:
                    gallery = read_gallery(engine.catalog, "default")
                    queries = load_gallery(root, settings, "queries")
                    rows += [unknown(dataset, gallery, queries, tuned) for tuned in (True, False)]
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


def unknown(name: str, gallery: Labelled, asked: Labelled, is_tuned: bool) -> dict[str, Any]:
    """How well photos of classes that were taken out are told."""
    labels, wanted = np.array(gallery.labels), np.array(asked.labels)
    random = np.random.default_rng(1)
    found = []
    for _ in range(DRAWS):
        away = random.choice(np.unique(labels), TAKEN_OUT[name], replace=False)
        left = ~np.isin(labels, away)
        _, codes = known_labels(labels[left].tolist())
        plain = gallery.vectors[left]
        things, own, photos = things_of(plain, codes), plain, asked.vectors
        if is_tuned:
            ((mean, matrix),) = learn(plain, codes, (SHRINKAGE,))
            own, photos = project(plain, mean, matrix), project(asked.vectors, mean, matrix)
            fitted = fit_known(plain, own, codes, things, SHRINKAGE)
        else:
            fitted = fit_known_apart(plain, codes, things)
        assert fitted is not None
        shares = fitted.shares(photos, asked.vectors)
        known, low = ~np.isin(wanted, away), shares < UNLIKELY
        found.append((roc_auc_score(known, shares), low[known].mean(), low[~known].mean()))
    auroc, lost, caught = np.mean(found, axis=0).tolist()
    return {
        "catalog": name,
        "tuned": is_tuned,
        "taken out": TAKEN_OUT[name],
        "auroc": round(auroc, 4),
        "deviation": round(float(np.std(found, axis=0)[0]), 4),
        "lost": round(lost, 4),
        "caught": round(caught, 4),
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
