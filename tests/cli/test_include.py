"""`--include`: neighbors with their embeddings, in JSON only."""

import base64
from pathlib import Path

import numpy as np

from api.cli.exits import Exit
from tests.cli.conftest import Run


def test_neighbors_come_with_their_embeddings(run: Run, hsv_data: Path) -> None:
    common = ("search", "--item", "backpack-0001-a", "--data", hsv_data, "-k", 2, "--json")
    numbers = run(*common, "--include", "vector").json
    texts = run(*common, "--include", "vector_base64").json
    for one, other in zip(numbers["neighbors"], texts["neighbors"], strict=True):
        decoded = np.frombuffer(base64.b64decode(other["vector_base64"]), "<f4")
        assert (np.array(one["vector"], dtype=np.float32) == decoded).all()
    assert "vector" not in run(*common).json["neighbors"][0]


def test_embeddings_are_not_printed_for_people(run: Run, hsv_data: Path) -> None:
    common = ("search", "--item", "backpack-0001-a", "--data", hsv_data)
    ran = run(*common, "--include", "vector")
    assert ran.code == Exit.USAGE
    assert "add --json" in ran.error
    unknown = run(*common, "--include", "all", "--json")
    assert unknown.code == Exit.USAGE
    assert "known: vector, vector_base64" in unknown.err
