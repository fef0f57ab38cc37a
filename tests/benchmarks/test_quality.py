"""Quality of the runtimes: who is compared, and what a difference is."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality import compared, differences, labelled, runtimes
from indexer.embed import EmbeddedRow
from indexer.sources import SourceRow
from search_engine.encoders.runtime import RuntimeChoice

REFERENCE = {"accuracy": 0.85, "map": 0.54, "queries": 200, "gallery": 1_000}


def row(item_id: str, content_hash: str) -> EmbeddedRow:
    source = SourceRow(1, item_id, Path(item_id), {"label": item_id[0]})
    return EmbeddedRow(source, np.ones((1, 4), dtype=np.float32), content_hash)


def test_every_runtime_that_can_be_named_is_compared() -> None:
    assert "auto" not in runtimes()
    assert {"torch", "openvino", "openvino-int8"} <= set(runtimes())


@pytest.mark.parametrize(
    ("accuracy", "within"), [(0.85, True), (0.8475, True), (0.846, False), (0.9, True)]
)
def test_only_losses_count(accuracy: float, within: bool) -> None:
    found = differences({**REFERENCE, "accuracy": accuracy}, REFERENCE)
    assert found["accuracy_points"] == pytest.approx(100 * (accuracy - 0.85), abs=0.005)
    assert found["map_points"] == 0
    assert found["within"] is within


def test_the_reference_differs_in_nothing_from_itself() -> None:
    measured: dict[RuntimeChoice, dict[str, float]] = {
        "torch-float32": REFERENCE,
        "openvino": {**REFERENCE, "map": 0.545},
    }
    reference, other = compared("clothing", measured)
    assert (reference["runtime"], reference["accuracy_points"], reference["map_points"]) == (
        "torch-float32",
        0,
        0,
    )
    assert (other["map_points"], other["points_a_query"]) == (0.5, 0.5)


def test_a_query_that_is_in_the_gallery_too_does_not_find_itself() -> None:
    gallery = [row("a1", "x"), row("b1", "y")]
    queries = labelled([row("b2", "y"), row("a2", "z")], gallery)
    assert queries.keys.tolist() == [1, -1]
    assert queries.labels == ["b", "a"]
    assert queries.vectors.shape == (2, 4)
    assert labelled(gallery, gallery).keys.tolist() == [0, 1]
