"""The file of perceptual hashes: it may be cut short, damaged or deleted."""

from pathlib import Path

import numpy as np
import pytest

from search_engine.collections.spectra import keep_spectra, read_spectra
from search_engine.errors import StorageError
from search_engine.images.spectrum import FREQUENCIES, Spectra

NAMES = [f"{number:064x}" for number in range(4)]


def spectra(*numbers: int) -> dict[str, Spectra]:
    shape = FREQUENCIES, FREQUENCIES
    return {NAMES[number]: np.full(shape, number, dtype=np.float32) for number in numbers}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "spectra.bin"


def test_what_is_kept_is_read(file: Path) -> None:
    assert NAMES[0] not in read_spectra(file)
    keep_spectra(file, spectra(0, 1))
    keep_spectra(file, spectra(3))
    known = read_spectra(file)
    assert [name in known for name in NAMES] == [True, True, False, True]
    assert known.of([NAMES[3], NAMES[1]])[:, 5, 7].tolist() == [3, 1]
    assert known.of([]).shape == (0, FREQUENCIES, FREQUENCIES)


def test_an_entry_that_was_cut_short_is_dropped_and_others_follow(file: Path) -> None:
    keep_spectra(file, spectra(0, 1))
    file.write_bytes(file.read_bytes()[:-100])
    assert [name in read_spectra(file) for name in NAMES] == [True, False, False, False]
    keep_spectra(file, spectra(2))
    assert [name in read_spectra(file) for name in NAMES] == [True, False, True, False]


def test_a_damaged_entry_is_not_used(file: Path) -> None:
    keep_spectra(file, spectra(0, 1))
    content = bytearray(file.read_bytes())
    content[40] ^= 1
    file.write_bytes(content)
    assert [name in read_spectra(file) for name in NAMES] == [False, True, False, False]


def test_what_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="reading perceptual hashes"):
        read_spectra(tmp_path)
    with pytest.raises(StorageError, match="perceptual hashes"):
        keep_spectra(tmp_path, spectra(0))
