"""Published index files: what is loaded, passed over and kept."""

import errno
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search_engine.errors import (
    CorruptDataError,
    NewerFormatError,
    ReadOnlyError,
    StorageError,
    StorageFullError,
)
from search_engine.indexes import generations as generation
from search_engine.indexes.faiss import index as faiss_index
from search_engine.indexes.faiss.index import FILES, FaissIndex
from search_engine.indexes.faiss.stored_vectors import StoredVectors
from search_engine.indexes.manifest import FORMAT, Manifest, seal_of, verify
from search_engine.indexes.spec import IndexSpec
from search_engine.storage.durable import replace_synced, sha256_file, storage_error, write_synced
from tests.small_catalog import DIMENSION, FINGERPRINT, unit_vectors

UID = "u" * 32
SPEC = IndexSpec("HNSW8")
"""Of an exact index one file says no more than its dimension."""
ALL_FILES = (*FILES, "manifest.json")


def index_of(count: int, seed: int = 0) -> FaissIndex:
    keys = np.arange(1, count + 1, dtype=np.int64)
    return FaissIndex.build(SPEC, keys, unit_vectors(count, seed).astype(np.float16))


def manifest_of(count: int, seq: int = 1) -> Manifest:
    return Manifest(UID, FINGERPRINT, seq, count, DIMENSION, SPEC)


def publish(folder: Path, count: int, seq: int = 1) -> str:
    return generation.publish(folder, manifest_of(count, seq), index_of(count))


def load(folder: Path) -> generation.Generation | None:
    return generation.load(folder, UID, FINGERPRINT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two generations: 000001 with 10 vectors and 000002, the current one, with 20."""
    folder = tmp_path / "indexes" / "default"
    assert publish(folder, 10, seq=1) == "gen-000001"
    assert publish(folder, 20, seq=2) == "gen-000002"
    return folder


def test_what_was_published_is_loaded(folder: Path) -> None:
    found = load(folder)
    assert found is not None
    assert (found.name, found.findings) == ("gen-000002", ())
    assert (found.manifest.seq, found.manifest.count, found.manifest.metric) == (2, 20, "cosine")
    assert found.index.keys.tolist() == list(range(1, 21))
    every = np.arange(20)
    np.testing.assert_array_equal(found.index.vectors(every), index_of(20).vectors(every))
    queries = unit_vectors(5, seed=9)
    for mine, wanted in zip(
        found.index.search(queries, 7).keys, index_of(20).search(queries, 7).keys, strict=True
    ):
        assert mine.tolist() == wanted.tolist()


def test_nothing_published_is_no_generation(tmp_path: Path) -> None:
    assert load(tmp_path / "absent") is None
    assert load(tmp_path) is None
    assert generation.generations(tmp_path / "absent") == []
    assert generation.current(tmp_path) is None


def test_an_index_without_vectors_can_be_published_and_loaded(tmp_path: Path) -> None:
    publish(tmp_path, 0)
    found = load(tmp_path)
    assert found is not None
    assert (found.name, len(found.index), found.findings) == ("gen-000001", 0, ())
    assert found.index.search(unit_vectors(1), 5).counts.tolist() == [0]


def test_only_the_last_generations_stay(folder: Path) -> None:
    publish(folder, 30)
    publish(folder, 40)
    assert generation.generations(folder) == ["gen-000004", "gen-000003"]
    assert generation.current(folder) == "gen-000004"
    assert sorted(path.name for path in folder.iterdir()) == ["CURRENT", "gen-000003", "gen-000004"]


def test_files_are_private(folder: Path) -> None:
    for path in (folder / "gen-000002").iterdir():
        assert path.stat().st_mode & 0o077 == 0
    assert (folder / "gen-000002").stat().st_mode & 0o077 == 0


def _flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= 0x40
    path.write_bytes(data)


def _swap_for_link(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved").name)


def _swap_for_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "first bit": lambda path: _flip(path, 0),
    "middle bit": lambda path: _flip(path, path.stat().st_size // 2),
    "last bit": lambda path: _flip(path, -1),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "emptied": lambda path: path.write_bytes(b""),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "missing": lambda path: path.unlink(),
    "replaced by the former one": lambda path: shutil.copy(
        path.parent.parent / "gen-000001" / path.name, path
    ),
    "a folder": lambda path: _swap_for_folder(path),
}


@pytest.mark.parametrize("name", ALL_FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_generation_falls_back_to_the_one_before(
    folder: Path, name: str, damage: str
) -> None:
    DAMAGES[damage](folder / "gen-000002" / name)
    with pytest.raises(CorruptDataError):
        verify(folder / "gen-000002")
    found = load(folder)
    assert found is not None
    assert (found.name, found.manifest.seq, len(found.index)) == ("gen-000001", 1, 10)
    assert len(found.findings) == 1
    assert "gen-000002" in found.findings[0]


@pytest.mark.parametrize("name", FILES)
def test_a_symbolic_link_is_no_index_file(folder: Path, name: str) -> None:
    _swap_for_link(folder / "gen-000002" / name)
    found = load(folder)
    assert found is not None
    assert found.name == "gen-000001"


def test_without_a_sound_generation_there_is_none(folder: Path) -> None:
    for name in generation.generations(folder):
        _flip(folder / name / "vectors.f16", 5)
    assert load(folder) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"gen-2",
        b"gen-0000002",
        b"../x",
        b"../default/gen-000002",
        b"gen-000002/../gen-000001",
        b"/etc",
        b"\xff\xfe",
        b"gen-000002\x00",
        b"x" * 10_000_000,
    ],
    ids=lambda content: repr(content[:20]),
)
def test_junk_in_current_is_passed_over(folder: Path, content: bytes) -> None:
    (folder / "CURRENT").write_bytes(content)
    with pytest.raises(CorruptDataError):
        generation.current(folder)
    found = load(folder)
    assert found is not None
    assert found.name == "gen-000002"
    assert "CURRENT does not name a generation" in found.findings[0]


def test_current_may_not_be_a_link_or_a_folder(folder: Path) -> None:
    current = folder / "CURRENT"
    _swap_for_link(current)
    with pytest.raises(CorruptDataError, match="symbolic link"):
        generation.current(folder)
    current.unlink()
    current.mkdir()
    with pytest.raises(CorruptDataError, match="cannot be read"):
        generation.current(folder)
    found = load(folder)
    assert found is not None
    assert found.name == "gen-000002"


def test_current_that_names_a_missing_generation_falls_back(folder: Path) -> None:
    (folder / "CURRENT").write_text("gen-000009\n")
    found = load(folder)
    assert found is not None
    assert found.name == "gen-000002"
    assert len(found.findings) == 1


def test_a_missing_current_is_no_loss(folder: Path) -> None:
    (folder / "CURRENT").unlink()
    found = load(folder)
    assert found is not None
    assert found.name == "gen-000002"


def test_current_decides_even_when_a_newer_generation_is_there(folder: Path) -> None:
    (folder / "CURRENT").write_text("gen-000001\n")
    found = load(folder)
    assert found is not None
    assert (found.name, found.findings) == ("gen-000001", ())
    assert publish(folder, 5) == "gen-000003"


def rewrite_manifest(folder: Path, **changes: object) -> None:
    """A manifest with a right seal, as another version could have written it."""
    path = folder / "manifest.json"
    described = {**json.loads(path.read_bytes()), **changes}
    described.pop("seal")
    described["seal"] = seal_of(described)
    path.write_text(json.dumps(described))


def test_a_newer_format_is_refused(folder: Path) -> None:
    rewrite_manifest(folder / "gen-000002", format=FORMAT + 1, something="new")
    with pytest.raises(NewerFormatError):
        verify(folder / "gen-000002")
    found = load(folder)
    assert found is not None
    assert found.name == "gen-000001"
    assert "newer version" in found.findings[0]


@pytest.mark.parametrize(
    "change", [{"unknown": 1}, {"spec": None}, {"spec": {"factory": "Flat", "odd": 1}}]
)
def test_an_unknown_manifest_is_refused(folder: Path, change: dict[str, object]) -> None:
    rewrite_manifest(folder / "gen-000002", **change)
    with pytest.raises(CorruptDataError):
        verify(folder / "gen-000002")


@pytest.mark.parametrize("change", [{"count": 19}, {"count": 21}, {"dimension": DIMENSION * 2}])
def test_a_manifest_that_misstates_the_size_is_refused(
    folder: Path, change: dict[str, object]
) -> None:
    rewrite_manifest(folder / "gen-000002", **change)
    found = load(folder)
    assert found is not None
    assert found.name == "gen-000001"


@pytest.mark.parametrize("content", ["null", "[]", "{}", '"x"', "[" * 100_000, '{"seal": 1}'])
def test_a_manifest_of_another_form_is_refused(folder: Path, content: str) -> None:
    (folder / "gen-000002" / "manifest.json").write_text(content)
    with pytest.raises(CorruptDataError):
        verify(folder / "gen-000002")


def test_generations_of_another_collection_or_encoder_are_passed_over(folder: Path) -> None:
    for uid, fingerprint in (("other", FINGERPRINT), (UID, "other")):
        assert generation.load(folder, uid, fingerprint) is None
    other = replace(manifest_of(5), collection_uid="other")
    assert generation.publish(folder, other, index_of(5)) == "gen-000003"
    found = load(folder)
    assert found is not None
    assert (found.name, len(found.findings)) == ("gen-000002", 1)


def test_vectors_that_do_not_find_themselves_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that fit their manifest, but the searcher was filled with other vectors."""
    monkeypatch.setattr(faiss_index, "SCAN_NS", 10**12)  # so few would be compared without it
    sound = index_of(200)
    others = StoredVectors.of(unit_vectors(200, seed=4))
    mixed = FaissIndex(SPEC, sound.faiss_index, sound.keys, others)
    generation.publish(folder, manifest_of(200), mixed)
    found = load(folder)
    assert found is not None
    assert found.name == "gen-000002"
    assert "do not find themselves" in found.findings[0]


def test_what_an_interrupted_run_left_is_removed_by_the_next(folder: Path) -> None:
    aside = folder / ".gen-000003.new"
    aside.mkdir()
    (aside / "index.faiss").write_bytes(b"half")
    (folder / ".CURRENT.new").write_text("gen-0")
    assert len(generation.leftovers(folder)) == 2
    found = load(folder)
    assert found is not None
    assert (found.name, found.findings) == ("gen-000002", ())
    assert publish(folder, 7) == "gen-000003"
    assert generation.leftovers(folder) == []


def test_foreign_files_are_left_alone(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    (folder / "gen-12").mkdir()
    publish(folder, 7)
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "gen-12").is_dir()


def test_a_loaded_index_outlives_the_removal_of_its_files(folder: Path) -> None:
    found = load(folder)
    assert found is not None
    query = unit_vectors(1, seed=8)
    before = found.index.search(query, 5)
    for _ in range(3):
        publish(folder, 3)
    assert not (folder / found.name).exists()
    np.testing.assert_array_equal(found.index.search(query, 5).keys, before.keys)
    np.testing.assert_array_equal(found.index.search(query, 5).scores, before.scores)


@pytest.mark.parametrize("fault", ["eio", "enospc"])
@pytest.mark.parametrize(
    "point",
    [
        "generation_started",
        "generation_file_half",
        "generation_file_written",
        "generation_before_rename",
        "generation_renamed",
        "current_before_rename",
    ],
)
def test_a_failed_publication_leaves_the_current_generation(
    folder: Path, monkeypatch: pytest.MonkeyPatch, point: str, fault: str
) -> None:
    from search_engine.storage import faults

    faults.reset()
    monkeypatch.setenv("EYEDEX_FAULT", f"{point}:1:{fault}")
    with pytest.raises(StorageFullError if fault == "enospc" else StorageError):
        publish(folder, 30)
    monkeypatch.delenv("EYEDEX_FAULT")
    found = load(folder)
    assert found is not None
    assert found.name == "gen-000002"
    publish(folder, 40)
    found = load(folder)
    assert found is not None
    assert len(found.index) == 40


def test_written_files_hold_what_was_given(tmp_path: Path) -> None:
    for data in (b"", b"x", bytes(range(256)) * 10_000):
        write_synced(tmp_path / "file", data)
        assert (tmp_path / "file").read_bytes() == data
        replace_synced(tmp_path / "file", data + b"!")
        assert (tmp_path / "file").read_bytes() == data + b"!"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256_file(tmp_path / "file").startswith("ba7816bf8f01cfea414140de5dae2223")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StorageFullError),
        (errno.EDQUOT, StorageFullError),
        (errno.EFBIG, StorageFullError),
        (errno.EIO, StorageError),
        (errno.EROFS, ReadOnlyError),
    ],
)
def test_errors_of_the_system_are_named_by_cause(number: int, kind: type[StorageError]) -> None:
    error = storage_error(OSError(number, "reason"), "testing", Path("/place"))
    assert type(error) is kind
    assert error.where == "/place"
