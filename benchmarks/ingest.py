"""How fast `eyedex index` takes in a catalog: against the machine's limit, and against others.

    python -m benchmarks.ingest [--json] [--runs R] [--pictures N] [--rivals] [--phone]

Each run of ours is a whole index of a fresh data directory with the exported network at hand;
starting the decoding processes and publishing the index are counted. In turn with it are measured:
decoding alone, encoding alone, committing and copying memory (`benchmarks.limits`), and the plain
loop that anybody writes first (Pillow, float32 torch, one picture at a time). The limit of a round
is what all cores would get through if they did nothing but decode and encode: by processor time,
and by the clock, which other work on the machine slows as well.

--rivals adds a torch DataLoader, imagededup and DeepImageSearch, all given the same network
(`benchmarks.ingest_rivals`). --phone adds photos of 12 megapixels (`benchmarks.phone_photos`).
"""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.index_run import OURS, Row, WholeRun, evenly, ratio_row
from benchmarks.ingest_rivals import INGESTERS, PLAIN, Rival, rivals
from benchmarks.limits import (
    CommittingAlone,
    Cost,
    DecodingAlone,
    EncodingAlone,
    clock_limit,
    coloring_ms,
    copied_gb_per_second,
    cores,
    decoded,
    ingest_limit,
    starting_ms,
)
from benchmarks.machine import DATASETS, alternate, parser_of, report, spread
from benchmarks.phone_photos import phone_rows
from benchmarks.rivals.registry import left_out
from data.sample_catalog.writer import write_catalog
from search_engine.config import Settings
from search_engine.encoders.base import Encoder
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder

RIVAL_PICTURES = 320
ENCODED_PICTURES = 256
STARTING = "starting a decoding process, milliseconds of a core"
COLORING = "finding colours and shapes, milliseconds of a core"
OF_LIMIT = 0.85
TIMES_PLAIN = 8.0
TIMES_RIVAL = 5.0
"""The least that we want: share of the limit, times as fast as others."""


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=1_000)
    parser.add_argument("--rivals", action="store_true")
    parser.add_argument("--phone", action="store_true")
    given = parser.parse_args()
    names = list(INGESTERS) if given.rivals else [PLAIN]
    absent = left_out(names, INGESTERS)
    for name, reason in absent.items():
        print(f"{name}: {reason}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary:
        work = Path(temporary)
        photos, dataset = copy_photos(work / "source", given.pictures)
        encoder = make_encoder(work)
        present = [name for name in names if name not in absent]
        rows = compare(work, photos, encoder, present, given.runs)
        if given.phone:
            rows += phone_rows(work, photos, encoder, given.runs)
    facts = {"dataset": dataset, "pictures": len(photos), "left_out": absent}
    report(rows, given.json, **facts, **versions(present))


def versions(names: Sequence[str]) -> dict[str, str]:
    """Of the packages that these need."""
    return {need: version(need) for name in names for need in INGESTERS[name].needs}


def copy_photos(folder: Path, wanted: int) -> tuple[list[Path], str]:
    """Photos of the clothing dataset, else the drawn catalog, as a folder source."""
    photos = sorted((DATASETS / "clothing" / "train").rglob("*.jpg"))[:wanted]
    if not photos:
        write_catalog(folder)
        return sorted(folder.rglob("*.jpg")), "drawn catalog"
    for number, photo in enumerate(photos):
        target = folder / photo.parent.name / f"{number}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, target)
    return sorted(folder.rglob("*.jpg")), "clothing"


def warm(work: Path) -> Path:
    """A folder with the exported network."""
    make_encoder(work)
    return work / "encoders"


def make_encoder(work: Path) -> Encoder:
    """The default encoder; its exported network is kept."""
    return create_encoder(EncoderRequest(DEFAULT_ENCODER, cache=work / "encoders"))


def compare(
    work: Path, photos: Sequence[Path], encoder: Encoder, names: Sequence[str], runs: int
) -> list[Row]:
    """All contestants and limits in turn."""
    batch_size = Settings().batch_size
    theirs = evenly(photos, RIVAL_PICTURES)
    ours = WholeRun(work / "source", work)
    encoding = EncodingAlone(encoder, evenly(photos, ENCODED_PICTURES), batch_size)
    committing = CommittingAlone(work / "committed", encoder.spec, batch_size)
    with (
        DecodingAlone(photos, encoder.spec.preprocessing) as decoding,
        rivals(names, copied(theirs, work / "rivals"), work) as others,
    ):
        found = alternate(
            runs,
            {
                OURS: ours.measure,
                "decoding alone": decoding.measure,
                "encoding alone": encoding.measure,
                STARTING: starting_ms,
                COLORING: lambda: coloring_ms(theirs, encoder.spec.preprocessing),
                "committing alone": committing.measure,
                "copying memory": copied_gb_per_second,
                **{name: rival.measure for name, rival in others.items()},
            },
        )
        reference = encoder.encode(decoded(theirs, encoder.spec.preprocessing))
    return [
        {"what": f"{OURS}, images/s", **spread(found[OURS])},
        {"what": f"{OURS}, milliseconds of a core", **spread([1_000 * s for s in ours.core_s])},
        *ours.stages(),
        *cost_rows("decoding", decoding.costs),
        *cost_rows("encoding", encoding.costs),
        *({"what": name, **spread(found[name])} for name in (COLORING, STARTING)),
        {"what": "committing alone, items/s", **spread(found["committing alone"])},
        {"what": "copying memory, GB/s", **spread(found["copying memory"])},
        *limit_rows(
            found[OURS], ours.core_s, list(zip(decoding.costs, encoding.costs, strict=True))
        ),
        *(
            row
            for name, rival in others.items()
            for row in rival_rows(name, rival, found[OURS], found[name], reference)
        ),
    ]


def limit_rows(
    rates: Sequence[float], core_s: Sequence[float], costs: Sequence[tuple[Cost, Cost]]
) -> list[Row]:
    """How near our rates are to what decoding and encoding allow, by cores and by the clock."""
    limits = [ingest_limit(cores(), *each) for each in costs]
    by_clock = [clock_limit(*each) for each in costs]
    least = [decoding.core_s + encoding.core_s for decoding, encoding in costs]
    return [
        {"what": "limit of decoding and encoding, images/s", **spread(limits)},
        {"what": "the same by the clock, images/s", **spread(by_clock)},
        ratio_row(OURS, rates, "the limit", limits, OF_LIMIT),
        ratio_row(OURS, rates, "the limit by the clock", by_clock, OF_LIMIT),
        ratio_row("decoding and encoding alone", least, f"{OURS}, in cores", core_s, OF_LIMIT),
    ]


def copied(photos: Sequence[Path], folder: Path) -> Path:
    """A folder with these photos, in the same order by name."""
    folder.mkdir()
    for number, photo in enumerate(photos):
        shutil.copy(photo, folder / f"{number:06}.jpg")
    return folder


def cost_rows(stage: str, costs: Sequence[Cost]) -> list[Row]:
    """What a stage gets through alone, and what it takes."""
    return [
        {"what": f"{stage} alone, images/s", **spread([cost.per_second for cost in costs])},
        {
            "what": f"{stage}, milliseconds of a core",
            **spread([1_000 * cost.core_s for cost in costs]),
        },
    ]


def rival_rows(
    name: str, rival: Rival, ours: Sequence[float], theirs: Sequence[float], reference: np.ndarray
) -> list[Row]:
    """Its rate, how near its embeddings are to ours, and how much faster we are."""
    cosine = np.einsum("nd,nd->n", rival.vectors, reference[: len(rival.vectors)])
    near = {"cosine_mean": round(float(cosine.mean()), 4), "setting": rival.setting}
    wanted = TIMES_PLAIN if name == PLAIN else TIMES_RIVAL
    return [
        {"what": f"{name}, images/s", **spread(theirs), **near},
        ratio_row(OURS, ours, name, theirs, wanted),
    ]


if __name__ == "__main__":
    main()
