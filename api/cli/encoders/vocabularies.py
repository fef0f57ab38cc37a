"""The learning of visual words from a folder of pictures or a catalog."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from api.cli.options import settings_from
from api.cli.terminal.output import print_json
from search_engine.errors import ImageError, ParameterError

if TYPE_CHECKING:
    from indexer.sources import Source
    from search_engine.config import Settings

MOST_PICTURES = 1_000


def learn(kind: str, source: Path | None, out: Path | None, as_json: bool) -> None:
    """Learn a vocabulary and write it; at most 1,000 pictures are looked at, spread evenly."""
    from indexer.sources import open_source
    from search_engine.encoders.weights import file_sha256
    from search_engine.encoders.words import learn_vocabulary, save_vocabulary

    if source is None or out is None:
        raise ParameterError(
            "a vocabulary is learnt from pictures and written to a file",
            where="--learn-vocabulary",
            fix="add --from FOLDER and --out FILE",
        )
    pictures = list(_pictures(open_source(source), settings_from(None)))
    vocabulary = learn_vocabulary(kind, pictures)
    save_vocabulary(out, vocabulary)
    made = {
        "vocabulary": str(out),
        "encoder": kind,
        "words": len(vocabulary.centres),
        "pictures": len(pictures),
        "sha256": file_sha256(out),
    }
    if as_json:
        print_json(made)
        return
    print(f"{made['words']} words of {made['pictures']:,} pictures: {out}")
    print(f"`eyedex index SOURCE --encoder {kind} --weights {out}` uses them", file=sys.stderr)


def _pictures(source: "Source", settings: "Settings") -> Iterator[NDArray[np.uint8]]:
    """Pictures of the source, evenly spread; what is refused is passed over."""
    from indexer.sources import SourceRow
    from search_engine.encoders.words import PREPROCESSING
    from search_engine.images import decode_pixels, read_file

    step = max(1, len(source) // MOST_PICTURES)
    limits = settings.catalog_limits()
    for number, row in enumerate(source.rows()):
        if number % step or not isinstance(row, SourceRow):
            continue
        try:
            data = read_file(row.file, limits.max_bytes)
            yield decode_pixels(data, PREPROCESSING, limits).pixels
        except ImageError as error:
            print(f"passed over: {row.item_id}: {error}", file=sys.stderr)
