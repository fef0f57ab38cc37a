"""Vectors in a file that NumPy and FAISS read in place, and what damage does to it."""

from pathlib import Path

import numpy as np
import pytest

from search_engine.errors import CorruptDataError
from search_engine.indexes.faiss.stored_vectors import PAGE_BYTES, StoredVectors
from tests.small_catalog import unit_vectors

COUNT, DIMENSION = 50, 8
ROW_BYTES = 2 * DIMENSION


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of 50 vectors."""
    path = tmp_path / "vectors.f16"
    path.write_bytes(StoredVectors.of(unit_vectors(COUNT)).buffer.tobytes())
    return path


@pytest.mark.parametrize("count", [0, 1, COUNT])
@pytest.mark.parametrize("dimension", [1, 7, 8, 1_280])
def test_what_is_mapped_is_what_was_stored(tmp_path: Path, count: int, dimension: int) -> None:
    rows = unit_vectors(count, dimension=dimension)
    made = StoredVectors.of(rows)
    (tmp_path / "file").write_bytes(made.buffer.tobytes())
    mapped = StoredVectors.map(tmp_path / "file", dimension)
    for each in (made, mapped):
        np.testing.assert_array_equal(each.rows, rows.astype(np.float16))
        assert (len(each), each.dimension) == (count, dimension)
        assert (each.faiss_index.ntotal, each.faiss_index.d) == (count, dimension)
    assert mapped.buffer.tobytes() == made.buffer.tobytes()


def test_the_rows_start_on_a_page_of_their_own(path: Path) -> None:
    assert path.stat().st_size == PAGE_BYTES + COUNT * ROW_BYTES
    assert path.read_bytes()[PAGE_BYTES:] == unit_vectors(COUNT).astype("<f2").tobytes()


def test_the_rows_given_are_copied() -> None:
    rows = unit_vectors(3).astype(np.float16)
    made = StoredVectors.of(rows)
    rows[:] = 0
    np.testing.assert_array_equal(made.rows, unit_vectors(3).astype(np.float16))


def test_numpy_and_faiss_read_the_same_memory() -> None:
    made = StoredVectors.of(unit_vectors(COUNT))
    assert np.shares_memory(made.rows, made.buffer)
    for value in (0.5, -2.0):
        made.rows[7] = value
        assert made.faiss_index.reconstruct(7).tolist() == [value] * DIMENSION
    everything = made.faiss_index.reconstruct_n(0, COUNT)
    np.testing.assert_array_equal(everything, made.rows.astype(np.float32))


def test_a_mapped_file_is_not_written_to(path: Path) -> None:
    mapped = StoredVectors.map(path, DIMENSION)
    assert not mapped.rows.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        mapped.rows[0] = 0


def test_the_rows_outlive_the_one_that_mapped_them_and_the_file(path: Path) -> None:
    mapped = StoredVectors.map(path, DIMENSION)
    rows, faiss_index = mapped.rows, mapped
    del mapped
    path.unlink()
    np.testing.assert_array_equal(rows, unit_vectors(COUNT).astype(np.float16))
    assert faiss_index.faiss_index.reconstruct(3).tolist() == rows[3].astype(np.float32).tolist()


@pytest.mark.parametrize(
    "size", [1, PAGE_BYTES - 1, PAGE_BYTES + 1, PAGE_BYTES + ROW_BYTES - 1, -1, -ROW_BYTES]
)
def test_a_file_that_was_cut_is_refused(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CorruptDataError):
        StoredVectors.map(path, DIMENSION)


@pytest.mark.parametrize("more", [1, ROW_BYTES, PAGE_BYTES])
def test_a_file_that_grew_is_refused(path: Path, more: int) -> None:
    path.write_bytes(path.read_bytes() + bytes(more))
    with pytest.raises(CorruptDataError):
        StoredVectors.map(path, DIMENSION)


def test_an_empty_file_is_refused(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(CorruptDataError):
        StoredVectors.map(path, DIMENSION)


@pytest.mark.parametrize("dimension", [1, 4, 7, 9, 16, 400, 401])
def test_a_file_of_another_dimension_is_refused(path: Path, dimension: int) -> None:
    with pytest.raises(CorruptDataError):
        StoredVectors.map(path, dimension)


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        StoredVectors.map(tmp_path / "absent", DIMENSION)


def test_a_flipped_bit_of_the_description_is_noticed(path: Path) -> None:
    """All bytes that FAISS would read before the rows; those before are not read."""
    sound = path.read_bytes()
    first = next(place for place in range(PAGE_BYTES) if sound[place])
    for place in range(first, PAGE_BYTES):
        damaged = bytearray(sound)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(CorruptDataError):
            StoredVectors.map(path, DIMENSION)
