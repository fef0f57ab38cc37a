"""A run that is killed while it makes patches is finished by the next."""

import json
from pathlib import Path

import numpy as np
import pytest

from search_engine.catalog.patch_rows import patch_changes
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.records import Vectors
from tests.conftest import copy_data
from tests.faults.test_interruption import KILLED, checked, eyedex

COUNT = 5


def patches(data: Path) -> dict[int, Vectors]:
    """The patches of each item as they are stored."""
    with SearchEngine(settings=Settings(data=data)) as engine:
        record = engine.live("default").record
        found = engine.catalog.ask(lambda connection: patch_changes(connection, record, -1))
    return dict(zip(found.keys.tolist(), found.vectors, strict=True))


@pytest.fixture(scope="module")
def undisturbed(
    sample: Path, hsv_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, Vectors]:
    data = copy_data(hsv_data, tmp_path_factory.mktemp("undisturbed") / "data")
    done = eyedex("index", sample / "catalog.csv", "--data", data, "--patches", COUNT)
    assert done.returncode == 0, done.stderr
    return patches(data)


@pytest.mark.long
@pytest.mark.parametrize(
    ("point", "left"),
    [
        ("patches_before_commit:1", 115),
        ("patches_committed:3", 115 - 3 * 16),
        ("generation_renamed:1", 0),
    ],
)
def test_patches_that_were_stored_are_not_made_again(
    point: str,
    left: int,
    sample: Path,
    hsv_data: Path,
    tmp_path: Path,
    undisturbed: dict[int, Vectors],
) -> None:
    data = copy_data(hsv_data, tmp_path / "data")
    arguments = ("index", sample / "catalog.csv", "--data", data, "--patches", COUNT, "--json")
    assert eyedex(*arguments, fault=f"{point}:kill").returncode == KILLED
    done = eyedex(*arguments)
    assert json.loads(done.stdout)["patches"]["embedded"] == left
    found = patches(data)
    assert found.keys() == undisturbed.keys()
    assert all(np.array_equal(found[key], undisturbed[key]) for key in found)
    assert checked(data).sound
