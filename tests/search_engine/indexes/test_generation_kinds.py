"""Generations of each kind of index: loaded as published, and damage to them noticed."""

import json
from pathlib import Path

import numpy as np
import pytest

from search_engine.errors import (
    CorruptDataError,
)
from search_engine.indexes import generations as generation
from search_engine.indexes.faiss.index import FILES, FaissIndex
from search_engine.indexes.faiss.stored_vectors import PAGE_BYTES
from search_engine.indexes.manifest import Manifest, verify
from search_engine.indexes.spec import IndexSpec
from search_engine.storage.durable import sha256_file
from tests.contract.index_kinds import KINDS, surface_index
from tests.search_engine.indexes.test_generations import folder, load, rewrite_manifest
from tests.small_catalog import FINGERPRINT

UID = "u" * 32
SPEC = IndexSpec("HNSW8")
"""Of an exact index one file says no more than its dimension."""
ALL_FILES = (*FILES, "manifest.json")


__all__ = ["folder"]
"""The fixture."""

KIND_COUNT, KIND_DIMENSION = 300, 32


def publish_kind(folder: Path, kind: str) -> generation.Generation:
    """A Flat generation, and the current one of a kind."""
    index = surface_index(kind, KIND_COUNT, KIND_DIMENSION)
    first = surface_index("Flat", KIND_COUNT, KIND_DIMENSION)
    for each in (first, index):
        manifest = Manifest(UID, FINGERPRINT, 1, KIND_COUNT, KIND_DIMENSION, each.spec)
        generation.publish(folder, manifest, each)
    found = load(folder)
    assert found is not None
    return found


def test_an_exact_index_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """It had the vectors in the file of FAISS, too."""
    made = surface_index("Flat", KIND_COUNT, KIND_DIMENSION)
    index = FaissIndex.build(made.spec, made.keys, made.vectors(np.arange(KIND_COUNT)))
    index.faiss_index.add(made.vectors(np.arange(KIND_COUNT)))
    manifest = Manifest(UID, FINGERPRINT, 1, KIND_COUNT, KIND_DIMENSION, index.spec)
    generation.publish(tmp_path, manifest, index)
    found = load(tmp_path)
    assert found is not None
    assert isinstance(found.index, FaissIndex)
    assert (found.findings, found.index.faiss_index.ntotal) == ((), 0)
    queries = made.vectors(np.arange(3))
    hits, right = found.index.search(queries, 5), made.search(queries, 5)
    np.testing.assert_array_equal(hits.keys, right.keys)
    np.testing.assert_array_equal(hits.scores, right.scores)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_loaded_as_it_was_published(tmp_path: Path, kind: str) -> None:
    index, found = surface_index(kind, KIND_COUNT, KIND_DIMENSION), publish_kind(tmp_path, kind)
    assert (found.name, found.findings, found.manifest.spec) == ("gen-000002", (), index.spec)
    np.testing.assert_array_equal(found.index.keys, index.keys)
    assert isinstance(found.index, FaissIndex)
    np.testing.assert_array_equal(found.index.stored.rows, index.stored.rows)
    assert found.index.nanoseconds(10, index.spec.effort) == index.nanoseconds(
        10, index.spec.effort
    )
    (described, _) = generation.describe_generations(tmp_path)
    assert (described["index"], described["items"], described["sound"]) == (kind, KIND_COUNT, True)


@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_bit_of_a_generation_of_a_kind_is_noticed(tmp_path: Path, kind: str) -> None:
    """A sample of each file; all in the page before the vectors that FAISS reads."""
    publish_kind(tmp_path, kind)
    current = tmp_path / "gen-000002"
    random = np.random.default_rng(0)
    for name in ALL_FILES:
        sound = (current / name).read_bytes()
        places = set(random.integers(0, len(sound), 12).tolist()) | {0, len(sound) - 1}
        if name == "vectors.f16":
            places |= set(range(PAGE_BYTES - 16, PAGE_BYTES + 2)) | {1, PAGE_BYTES // 2}
        for place in places:
            damaged = bytearray(sound)
            damaged[place] ^= 1 << place % 8
            (current / name).write_bytes(damaged)
            with pytest.raises(CorruptDataError):
                verify(current)
        found = load(tmp_path)
        assert found is not None
        assert found.name == "gen-000001"
        (current / name).write_bytes(sound)
    found = load(tmp_path)
    assert found is not None
    assert found.name == "gen-000002"


@pytest.mark.parametrize("name", ["index.faiss", "vectors.f16"])
def test_damage_that_was_sealed_over_ends_no_process(tmp_path: Path, name: str) -> None:
    """Only FAISS is left to notice: it refuses, or finds what the stored vectors score."""
    publish_kind(tmp_path, "IVF16,PQ8x4fs")
    current, random = tmp_path / "gen-000002", np.random.default_rng(1)
    sound = (current / name).read_bytes()
    head = range(PAGE_BYTES - 64, PAGE_BYTES) if name == "vectors.f16" else range(200)
    for place in random.choice(list(head), 40, replace=False).tolist():
        damaged = bytearray(sound)
        damaged[place] ^= 1 << place % 8
        (current / name).write_bytes(damaged)
        described = json.loads((current / "manifest.json").read_bytes())
        described["files"][name]["sha256"] = sha256_file(current / name)
        rewrite_manifest(current, files=described["files"])
        found = load(tmp_path)
        assert found is not None
        hits = found.index.search(found.index.vectors(np.arange(3)), 5)
        assert hits.counts.tolist() == [5] * 3


def test_a_generation_of_the_former_format_is_passed_over(folder: Path) -> None:
    rewrite_manifest(folder / "gen-000002", format=1)
    with pytest.raises(CorruptDataError, match="older version"):
        verify(folder / "gen-000002")
    found = load(folder)
    assert found is not None
    assert found.name == "gen-000001"
    assert "an older version wrote this generation" in found.findings[0]
