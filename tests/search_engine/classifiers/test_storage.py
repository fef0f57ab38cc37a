"""Stored classifiers: what was written comes back, and nothing else is believed."""

import io
import json
import os
import pickle
import stat
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from search_engine.classifiers import storage
from search_engine.classifiers.base import TrainedModel
from search_engine.classifiers.heads import ForestHead, KernelHead, LinearHead
from search_engine.classifiers.registry import KINDS, create_classifier
from search_engine.classifiers.storage import Origin, StoredClassifier
from search_engine.errors import (
    CorruptDataError,
    LockHeldError,
    NewerFormatError,
    NotFoundError,
    StorageError,
)
from search_engine.storage.arrays import digest_of
from search_engine.storage.locks import exclusive
from tests.small_catalog import (
    DIMENSION,
    FINGERPRINT,
    unit_vectors,
)

ORIGIN = Origin(collection_uid="u" * 32, fingerprint=FINGERPRINT, target="label", seq=7, items=9)
VECTORS = unit_vectors(40)
LABELS = [f"c{n % 3}" for n in range(40)]

LINEAR = LinearHead(unit_vectors(3), np.zeros(3, dtype=np.float32))
KERNEL = KernelHead(
    unit_vectors(5), np.ones((3, 5), np.float32), np.zeros(3, np.float32), np.array(2.0)
)
FOREST = ForestHead(
    roots=np.array([0, 3], np.int32),
    left=np.array([1, -1, -1, -1], np.int32),
    right=np.array([2, -1, -1, -1], np.int32),
    feature=np.array([7, 0, 0, 0], np.int32),
    threshold=np.array([0.1, 0.0, 0.0, 0.0]),
    leaf=np.array([0, 0, 1, 2], np.int32),
    width=np.array([DIMENSION, 3], np.int32),
)


def stored(head: Any = LINEAR, **known: Any) -> StoredClassifier:
    model = TrainedModel("logistic", ("a", "b", "c"), head, 0.5, 0.75)
    return StoredClassifier(replace(model, **known), ORIGIN)


def saved(folder: Path, **known: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return storage.save(folder / "default", stored(**known))


@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
def test_what_is_stored_comes_back(tmp_path: Path, name: str) -> None:
    model = create_classifier(name).fit(VECTORS, LABELS)
    assert isinstance(model, TrainedModel)
    file = storage.save(tmp_path / "default", StoredClassifier(model, ORIGIN))
    assert file == storage.file_of(tmp_path / "default", name, "label")
    back = storage.load(file)
    assert back.origin == ORIGIN
    assert replace(back.model, head=model.head) == model
    np.testing.assert_array_equal(back.model.predict_proba(VECTORS), model.predict_proba(VECTORS))


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = saved(tmp_path / "classifiers")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_every_target_has_a_file_of_its_own(tmp_path: Path) -> None:
    targets = ["label", "Label", "../label", "a/b", "x" * 128, "ü", ""]
    files = {storage.file_of(tmp_path, "svm", target) for target in targets}
    assert len(files) == len(targets)
    assert {file.parent for file in files} == {tmp_path}
    assert all(len(file.name) < 64 for file in files)


def test_a_new_one_takes_the_place_of_the_former(tmp_path: Path) -> None:
    saved(tmp_path)
    file = saved(tmp_path, temperature=2.0)
    assert storage.load(file).model.temperature == 2.0
    assert sorted(path.name for path in file.parent.iterdir()) == sorted([file.name, "lock"])


def test_two_do_not_write_at_once(tmp_path: Path) -> None:
    file = saved(tmp_path)
    with exclusive(file.parent / "lock", 0.0, "testing"), pytest.raises(LockHeldError):
        saved(tmp_path, temperature=2.0)
    assert storage.load(file).model.temperature == 0.5


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "default").write_bytes(b"a file where the folder should be")
    with pytest.raises(StorageError, match="writing a classifier"):
        saved(tmp_path)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        storage.load(tmp_path / "none.safetensors")


def test_a_folder_is_no_classifier(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        storage.load(tmp_path)


def refused(file: Path, match: str | None = None) -> None:
    with pytest.raises(CorruptDataError, match=match):
        storage.load(file)


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    file = saved(tmp_path)
    whole = file.read_bytes()
    for length in {0, 1, 7, 8, 9, 50, len(whole) // 2, len(whole) - 1}:
        file.write_bytes(whole[:length])
        refused(file)
    file.write_bytes(whole + b"\0")
    refused(file)


def test_any_changed_byte_is_noticed(tmp_path: Path) -> None:
    file = saved(tmp_path)
    whole = file.read_bytes()
    for place in range(0, len(whole), 13):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x21]) + whole[place + 1 :])
        with pytest.raises((CorruptDataError, NewerFormatError)):
            storage.load(file)


@settings(max_examples=60)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.safetensors"
    for start in (b"", struct.pack("<Q", max(0, len(content) - 8))):
        file.write_bytes(start + content)
        refused(file)


class _Trap:
    """Unpickling it would write a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self._file),)


def test_nothing_in_a_file_is_ever_run(tmp_path: Path) -> None:
    trap = tmp_path / "trapped"
    objects = np.empty(1, dtype=object)
    objects[0] = _Trap(trap)
    archive = io.BytesIO()
    np.savez(archive, weights=objects, allow_pickle=True)
    for content in (pickle.dumps(_Trap(trap)), archive.getvalue()):
        file = tmp_path / "bad.safetensors"
        file.write_bytes(content)
        refused(file)
    assert not trap.exists()


def raw(header: Any, data: bytes = b"") -> bytes:
    """A file of the format with any header."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "content",
    [
        raw([]),
        raw({}),
        raw({"__metadata__": {}}),
        raw({"__metadata__": {"header": "{}", "sha256": "0"}}),
        raw({"__metadata__": {"header": "[" * 5_000, "sha256": "0"}}),
        raw({"__metadata__": {"header": '{"format": 1}', "sha256": "0", "more": "x"}}),
        raw({"weights": {"dtype": "F32", "shape": [2**40, 8], "data_offsets": [0, 4]}}, b"0000"),
        raw({"weights": {"dtype": "F32", "shape": [1], "data_offsets": [0, 2**60]}}, b"0000"),
        raw({"weights": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}, b"0000"),
        raw({"weights": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}, b"0000"),
        raw({"weights": {"dtype": "O", "shape": [1], "data_offsets": [0, 4]}}, b"0000"),
        struct.pack("<Q", 2**63) + b"{}",
    ],
)
def test_files_of_the_format_that_are_no_classifier_are_refused(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "bad.safetensors"
    file.write_bytes(content)
    refused(file)


def changed(array: NDArray[Any], place: Any, value: Any) -> NDArray[Any]:
    copy = array.copy()
    copy[place] = value
    return copy


@pytest.mark.parametrize(
    "head",
    [
        replace(LINEAR, weights=LINEAR.weights.astype(np.float64)),
        replace(LINEAR, weights=LINEAR.weights.astype(np.float16)),
        replace(LINEAR, weights=LINEAR.weights[:2]),
        replace(LINEAR, weights=LINEAR.weights[:, :0]),
        replace(LINEAR, weights=LINEAR.weights[0]),
        replace(LINEAR, bias=LINEAR.bias[:2]),
        replace(LINEAR, bias=np.array([0, np.nan, 0], np.float32)),
        replace(LINEAR, weights=changed(LINEAR.weights, (0, 0), np.inf)),
        replace(KERNEL, coefficients=KERNEL.coefficients[:, :4]),
        replace(KERNEL, support=KERNEL.support[:0], coefficients=KERNEL.coefficients[:, :0]),
        replace(KERNEL, gamma=np.array(-1.0)),
        replace(KERNEL, gamma=np.array(np.nan)),
        replace(KERNEL, gamma=np.array([1.0, 2.0])),
        # walks without end, or out of the forest
        replace(FOREST, left=changed(FOREST.left, 0, 0)),
        replace(FOREST, right=changed(FOREST.right, 0, 4)),
        replace(FOREST, left=np.array([1, 0, -1, -1], np.int32)),
        replace(FOREST, roots=np.array([0, 4], np.int32)),
        replace(FOREST, roots=np.array([-1], np.int32)),
        replace(FOREST, feature=changed(FOREST.feature, 0, DIMENSION)),
        replace(FOREST, feature=changed(FOREST.feature, 1, -1)),
        replace(FOREST, leaf=changed(FOREST.leaf, 1, 3)),
        replace(FOREST, leaf=changed(FOREST.leaf, 1, -1)),
        replace(FOREST, leaf=FOREST.leaf[:3]),
        replace(FOREST, width=np.array([DIMENSION, 2**30], np.int32)),
        replace(FOREST, threshold=changed(FOREST.threshold, 0, np.nan)),
    ],
)
def test_arrays_that_cannot_be_computed_with_are_refused(tmp_path: Path, head: Any) -> None:
    """The checksum is right: somebody wrote it so."""
    refused(saved(tmp_path, head=head), "array|forest|gamma")


def test_small_heads_are_fine_as_they_are(tmp_path: Path) -> None:
    for head in (LINEAR, KERNEL, FOREST):
        assert storage.load(saved(tmp_path, head=head)).model.head.dimension == DIMENSION


@pytest.mark.parametrize(
    "known",
    [
        {"classes": ("b", "a", "c")},
        {"classes": ("a", "a", "c")},
        {"classes": ("a", "b")},
    ],
)
def test_descriptions_that_do_not_fit_are_refused(tmp_path: Path, known: dict[str, Any]) -> None:
    refused(saved(tmp_path, **known))


def rewritten(file: Path, **header: Any) -> Path:
    """The file with another description, checksum and all."""
    from safetensors.numpy import save

    arrays = LINEAR.arrays()
    text = json.dumps({**_description(file), **header})
    digest = digest_of(text, arrays)
    file.write_bytes(save(arrays, {"header": text, "sha256": digest}))
    return file


def _description(file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    found: dict[str, Any] = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["header"])
    return found


@pytest.mark.parametrize(
    "header",
    [
        {"temperature": 0.0},
        {"temperature": -1.0},
        {"temperature": "1"},
        {"temperature": 1e999},
        {"head": "pickle"},
        {"head": "forest"},
        {"classes": "abc"},
        {"classes": ["a", 1, "c"]},
        {"held_out_accuracy": 2},
        {"origin": {}},
        {"format": 0.5},
        {"format": "1"},
        {"more": 1},
    ],
)
def test_descriptions_that_are_wrong_are_refused(tmp_path: Path, header: dict[str, Any]) -> None:
    refused(rewritten(saved(tmp_path), **header))


def test_a_newer_format_is_told_from_damage(tmp_path: Path) -> None:
    with pytest.raises(NewerFormatError, match="format 2, this version reads 1"):
        storage.load(rewritten(saved(tmp_path), format=2, unheard_of=True))
