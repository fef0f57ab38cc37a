"""The run that loses a machine and its driver, on a real cluster."""

from pathlib import Path

import pytest

from benchmarks import ray
from benchmarks.machine import DATASETS

PICTURES = 1_200


@pytest.mark.slow
@pytest.mark.skipif(not (DATASETS / "grocery").exists(), reason="the grocery photos are not here")
def test_each_picture_is_there_once_and_the_same(tmp_path: Path) -> None:
    pytest.importorskip("ray.cluster_utils", reason="ray is not installed (the extra `ray`)")
    *_, interrupted, again, compared = ray.measure(tmp_path, "hsv", PICTURES)
    assert 0 < interrupted["committed"] < PICTURES
    assert again["added"] == PICTURES - interrupted["committed"]
    assert compared["right"], compared
