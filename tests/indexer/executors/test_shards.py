"""Shards: there whole or not at all, and of one encoder."""

from pathlib import Path

import numpy as np
import pytest

from indexer.executors.base import Embedded, Refused
from indexer.executors.recipe import EncoderRecipe
from indexer.executors.shards import Shard, ShardFolder
from indexer.executors.worker import ATTEMPTS, MARK, ShardWorker, Work
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.errors import CorruptDataError
from search_engine.images import ImageLimits, PictureColors

SHARD = Shard(
    {
        "a": Embedded(
            np.array([1, 0], np.float32),
            np.array([0, 1, 0], np.float32),
            PictureColors(b"\1\2", ("red", "navy"), b"\3"),
            b"\xff\0",
            ("transparent",),
        ),
        "b": Refused("corrupt_image", "cut off: 'ü'"),
        "c": Embedded(np.array([0, 1], np.float32), None, None, b""),
    },
    {"decode": 0.5},
)


def test_a_shard_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = ShardFolder(tmp_path, "encoder")
    assert not folder.has("one")
    folder.write("one", SHARD)
    found = folder.read("one")
    assert [*found.outcomes] == ["a", "b", "c"]
    assert found.seconds == SHARD.seconds
    assert found.outcomes["b"] == SHARD.outcomes["b"]
    for name in ("a", "c"):
        one, other = found.outcomes[name], SHARD.outcomes[name]
        assert isinstance(one, Embedded)
        assert isinstance(other, Embedded)
        assert np.array_equal(one.vector, other.vector)
        assert (one.below is None) == (other.below is None)
        assert (one.colors, one.picture_hash, one.warnings) == (
            other.colors,
            other.picture_hash,
            other.warnings,
        )
    assert folder.left() == {"a": "one", "c": "one"}
    folder.delete("one")
    assert folder.left() == {}


def test_nothing_but_refusals_is_a_shard_too(tmp_path: Path) -> None:
    folder = ShardFolder(tmp_path, "encoder")
    folder.write("one", Shard({"b": SHARD.outcomes["b"]}))
    assert dict(folder.read("one").outcomes) == {"b": SHARD.outcomes["b"]}


def test_what_is_damaged_or_of_another_encoder_is_not_used(tmp_path: Path) -> None:
    folder, other = ShardFolder(tmp_path, "encoder"), ShardFolder(tmp_path, "other")
    folder.write("one", SHARD)
    path = folder.folder / "one.safetensors"
    content = path.read_bytes()
    assert other.left() == {}
    other.folder.mkdir()
    (other.folder / path.name).write_bytes(content)
    for spoiled in (content[:-3], content[:-1] + b"x", b""):
        path.write_bytes(spoiled)
        with pytest.raises(CorruptDataError, match="cannot be read"):
            folder.read("one")
    assert (folder.left(), other.left()) == ({}, {})
    with pytest.raises(CorruptDataError):
        folder.read("two")
    folder.clear()
    assert not tmp_path.exists()


def test_pictures_that_end_their_process_again_and_again_are_given_up(tmp_path: Path) -> None:
    request = EncoderRequest("hsv")
    recipe = EncoderRecipe.of(create_encoder(request), request)
    (tmp_path / MARK).write_text("run")
    worker = ShardWorker(Work(recipe, ImageLimits(), 4, 1, tmp_path, "run"))
    folder = ShardFolder(tmp_path, recipe.digest)
    for lost in range(ATTEMPTS):
        assert folder.attempts("one") == lost + 1
    block = {"shard": ["one"], "content_hash": ["a"], "picture": [b""]}
    (failure,) = worker(block)["failure"]
    assert f"ended their process {ATTEMPTS} times" in failure
