"""What a border around a picture costs, and what taking it off costs pictures without one.

    python -m benchmarks.borders [--json] [--photos N] [--datasets NAME ...]

Photos are pasted on white, grey or black, half as large again or twice as large in one direction or
both, as PNG or as JPEG: their cosine to themselves, with borders that count (as in edition 2 of the
preprocessing) and without. `changed` counts pictures of the dataset that are seen otherwise at all.
Then the validation photos ask the training photos, as they are and padded to a square of 1.5 times
their long side. `iconic` asks 81 clean product pictures on white with all photos of groceries.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.index_run import Row
from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.quality import COMPARED, NEIGHBORS, SPLITS
from search_engine.collections.labelled import Labelled
from search_engine.encoders.base import Encoder, encode_pictures
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.evaluate.evaluation import evaluate
from search_engine.images import CATALOG_FORMATS, ImageLimits, Preprocessing, decode_pixels
from search_engine.neighbors import nearest
from search_engine.records import Vectors

LIMITS = ImageLimits(formats=CATALOG_FORMATS)
BATCH = 64
SIZES = tuple((wide, high) for by in (1.5, 2.0) for wide, high in ((by, 1.0), (1.0, by), (by, by)))
GROUNDS = ("white", "grey", "black")
KINDS: tuple[tuple[str, dict[str, int]], ...] = (("PNG", {}), ("JPEG", {"quality": 85}))


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--datasets", nargs="+", choices=SPLITS, default=list(SPLITS))
    given = parser.parse_args()
    absent = [name for name in given.datasets if not (DATASETS / name).is_dir()]
    if absent:
        parser.exit(1, f"no photos of {' and '.join(absent)} on this machine\n")
    encoder = create_encoder(EncoderRequest(DEFAULT_ENCODER))
    rows: list[Row] = []
    for dataset in given.datasets:
        gallery, queries = (photos(DATASETS / dataset / split) for split in SPLITS[dataset])
        rows += likeness(dataset, encoder, gallery, given.photos)
        rows.append(seen_otherwise(dataset, encoder, [*gallery, *queries]))
        rows += answers(dataset, encoder, gallery, queries)
        if dataset == "grocery":
            rows += iconic(encoder, [*gallery, *queries])
    report(rows, given.json, encoder=DEFAULT_ENCODER, k=NEIGHBORS)


def photos(folder: Path) -> list[Path]:
    """All below a folder."""
    return sorted(folder.rglob("*.jpg"))


def editions(encoder: Encoder) -> dict[str, Preprocessing]:
    """How pictures were looked at before, and are now."""
    now = encoder.spec.preprocessing
    return {"before": replace(now, edition=2), "now": now}


def embedded(encoder: Encoder, files: Iterable[bytes], wanted: Preprocessing) -> Vectors:
    """Embeddings (N, D), all of which there must be."""
    contents, found = list(files), []
    for start in range(0, len(contents), BATCH):
        part = contents[start : start + BATCH]
        kept, vectors = encode_pictures(
            encoder, [decode_pixels(each, wanted, LIMITS) for each in part]
        )
        assert len(kept) == len(part)
        found.append(vectors)
    return np.concatenate(found)


def padded(content: bytes, size: tuple[int, int], ground: str, kind: str, **options: int) -> bytes:
    """The picture in the middle of a ground of that size."""
    canvas = Image.new("RGB", size, ground)
    with Image.open(io.BytesIO(content)) as image:
        canvas.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    buffer = io.BytesIO()
    canvas.save(buffer, kind, **options)
    return buffer.getvalue()


def likeness(dataset: str, encoder: Encoder, files: Sequence[Path], count: int) -> list[Row]:
    """How like themselves padded photos are, by how they were padded."""
    chosen = [path.read_bytes() for path in files[:: max(1, len(files) // count)][:count]]
    cases, contents = [], []
    for number, content in enumerate(chosen):
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
        for place, (wide, high) in enumerate(SIZES):
            ground = GROUNDS[(number + place) % 3]
            kind, options = KINDS[(number // 3 + place) % 2]
            size = (int(width * wide), int(height * high))
            cases.append((f"{wide:g} x {high:g}", ground, kind))
            contents.append(padded(content, size, ground, kind, **options))
    plain = np.repeat(embedded(encoder, chosen, encoder.spec.preprocessing), len(SIZES), axis=0)
    cosines = {
        name: np.vecdot(embedded(encoder, contents, wanted), plain)
        for name, wanted in editions(encoder).items()
    }
    groups = ["all", *dict.fromkeys(part for case in cases for part in case)]
    return [
        {
            "dataset": dataset,
            "padded": group,
            **spread_of(cosines, np.array([group == "all" or group in case for case in cases])),
        }
        for group in groups
    ]


def spread_of(cosines: dict[str, Any], rows: Any) -> Row:
    """Median, fifth percentile and least cosine, before and now."""
    found: Row = {"pictures": int(rows.sum())}
    for name, values in cosines.items():
        for key, share in (("median", 50), ("p5", 5), ("min", 0)):
            found[f"{name}_{key}"] = round(float(np.percentile(values[rows], share)), 4)
    return found


def seen_otherwise(dataset: str, encoder: Encoder, files: Sequence[Path]) -> Row:
    """Pictures that are other pixels to the encoder than before."""
    changed = 0
    for path in files:
        content = path.read_bytes()
        before, now = (
            decode_pixels(content, wanted, LIMITS).views for wanted in editions(encoder).values()
        )
        changed += not np.array_equal(before, now)
    return {"dataset": dataset, "pictures": len(files), "changed": changed}


def answers(
    dataset: str, encoder: Encoder, gallery: Sequence[Path], queries: Sequence[Path]
) -> list[Row]:
    """Accuracy and mAP of queries as they are and padded, before and now."""
    contents = [path.read_bytes() for path in queries]
    squares = [in_square(content) for content in contents]
    rows = []
    for name, wanted in editions(encoder).items():
        items = embedded(encoder, (path.read_bytes() for path in gallery), wanted)
        catalog = Labelled(items, labels(gallery, dataset), np.arange(len(items)))
        for how, asked in (("as they are", contents), ("padded", squares)):
            keys = np.full(len(asked), -1, dtype=np.int64)
            vectors = embedded(encoder, asked, wanted)
            measured = evaluate(
                Labelled(vectors, labels(queries, dataset), keys), catalog, NEIGHBORS
            )
            rows.append(
                {
                    "dataset": dataset,
                    "queries": how,
                    "borders": name,
                    **{key: round(measured[key], 4) for key in COMPARED},
                }
            )
    return rows


def in_square(content: bytes) -> bytes:
    """The picture in a white square of 1.5 times its long side, as JPEG."""
    with Image.open(io.BytesIO(content)) as image:
        side = int(1.5 * max(image.size))
    return padded(content, (side, side), "white", "JPEG", quality=85)


def labels(files: Sequence[Path], dataset: str) -> list[str | None]:
    """By folder, below that of the split."""
    root = DATASETS / dataset
    return ["/".join(path.relative_to(root).parts[1:-1]) for path in files]


def iconic(encoder: Encoder, files: Sequence[Path]) -> list[Row]:
    """How often the clean picture of a product is the first for a photo; with more white around it
    too."""
    products = photos(DATASETS / "grocery" / "iconic")
    names = np.array([product.stem for product in products])
    wanted_names = np.array([file.parent.name for file in files])
    rows = []
    for name, wanted in editions(encoder).items():
        asked = embedded(encoder, (path.read_bytes() for path in files), wanted)
        for by in (1.0, 1.5, 2.0):
            pictures = [grown(product.read_bytes(), by) for product in products]
            _, order = nearest(asked, embedded(encoder, pictures, wanted), 5)
            right = names[order] == wanted_names[:, None]
            rows.append(
                {
                    "dataset": "iconic",
                    "padded": f"{by:g} x {by:g}",
                    "borders": name,
                    "first": round(float(right[:, 0].mean()), 3),
                    "among_5": round(float(right.any(axis=1).mean()), 3),
                }
            )
    return rows


def grown(content: bytes, by: float) -> bytes:
    """The picture on a white ground of `by` times its size; itself for 1."""
    if by == 1:
        return content
    with Image.open(io.BytesIO(content)) as image:
        size = (int(image.width * by), int(image.height * by))
    return padded(content, size, "white", "PNG")


if __name__ == "__main__":
    main()
