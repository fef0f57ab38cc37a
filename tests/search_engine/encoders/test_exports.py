"""Exports on disk: sealed, verified, and put in place whole."""

from pathlib import Path

import pytest

from search_engine.encoders.runtime.exports import (
    damaged_exports,
    is_sealed,
    put_in_place,
    written_aside,
)

MADE = {"openvino": "2026.4", "precision": "bf16"}


def write(folder: Path, content: bytes = b"weights") -> None:
    (folder / "network.xml").write_bytes(b"<net/>")
    (folder / "network.bin").write_bytes(content)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    with written_aside(tmp_path / "encoders" / "ab") as aside:
        write(aside)
        put_in_place(aside, tmp_path / "encoders" / "ab", MADE)
    return tmp_path / "encoders" / "ab"


def test_what_was_put_in_place_is_sealed_and_nothing_else_is_left(export: Path) -> None:
    assert is_sealed(export, MADE)
    assert [path.name for path in export.parent.iterdir()] == ["ab"]


def test_another_making_is_foreign(export: Path) -> None:
    assert not is_sealed(export, {**MADE, "openvino": "2026.5"})
    assert not is_sealed(export, {**MADE, "float_convolutions": 3})
    assert not is_sealed(export, {"openvino": "2026.4"})
    assert not is_sealed(export.parent / "cd", MADE)


def test_what_is_not_put_in_place_is_gone(export: Path) -> None:
    with written_aside(export) as aside:
        write(aside)
        assert aside.parent == export.parent
    assert [path.name for path in export.parent.iterdir()] == ["ab"]


def test_a_new_one_takes_the_place_of_the_former(export: Path) -> None:
    with written_aside(export) as aside:
        write(aside, b"others")
        put_in_place(aside, export, {**MADE, "openvino": "2026.5"})
    assert is_sealed(export, {**MADE, "openvino": "2026.5"})
    assert (export / "network.bin").read_bytes() == b"others"


def test_whoever_is_second_leaves_the_copy_of_the_first(
    export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes find nothing there and both export: renaming onto a full folder fails."""
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    with written_aside(export) as aside:
        write(aside, b"second")
        put_in_place(aside, export, MADE)
    assert is_sealed(export, MADE)
    assert (export / "network.bin").read_bytes() == b"weights"


@pytest.mark.parametrize("name", ["network.xml", "network.bin", "seal.json"])
def test_damaged_ones_are_told(export: Path, name: str) -> None:
    assert list(damaged_exports(export.parent)) == []
    (export / name).write_bytes(b"else")
    assert list(damaged_exports(export.parent)) == [export]
