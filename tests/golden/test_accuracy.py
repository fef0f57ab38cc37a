"""The default encoder on real photos: no change may make it worse than this."""

from pathlib import Path

import numpy as np
import pytest

from indexer.embed import EmbeddedRow, embed_source
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.collections.labelled import Labelled
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.evaluate.evaluation import evaluate
from search_engine.images.decode_pool import DecodePool

CLOTHING = Path(__file__).parents[2].parent / "shared" / "datasets" / "clothing"
MIN_ACCURACY = 0.83
MIN_MAP = 0.48


@pytest.mark.slow
@pytest.mark.skipif(not CLOTHING.is_dir(), reason="the clothing photos are not on this machine")
def test_held_out_clothing_photos_are_classified(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    report = index_source(open_source(CLOTHING / "train"), IndexRequest(), settings)
    assert (report.added, report.rejected) == (3_068, 0)
    with (
        SearchEngine(settings=settings) as engine,
        DecodePool(settings.catalog_limits(), settings.workers) as decoder,
    ):
        live = engine.live("default")
        encoder = live.encoder()
        assert encoder is not None
        source = open_source(CLOTHING / "validation")
        rows = list(embed_source(source, encoder, decoder, 64, settings.catalog_max_bytes))
        embedded = [row for row in rows if isinstance(row, EmbeddedRow)]
        assert len(embedded) == len(rows) == 341
        stored = engine.catalog.changes_since(live.record, -1)
        items = engine.catalog.by_keys(stored.keys.tolist())
    queries = Labelled(
        np.concatenate([row.vector for row in embedded]),
        [row.row.label for row in embedded],
        np.full(len(embedded), -1, dtype=np.int64),
    )
    gallery = Labelled(
        stored.vectors.astype(np.float32),
        [items[key].label for key in stored.keys.tolist()],
        stored.keys,
    )
    measured = evaluate(queries, gallery, k=10)
    assert measured["accuracy"] >= MIN_ACCURACY
    assert measured["map"] >= MIN_MAP
