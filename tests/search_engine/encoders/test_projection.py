"""Learned projections: what they do, how they are kept, and that only the right encoder has one."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save

from search_engine.encoders.base import EncoderSpec
from search_engine.encoders.projection import Judge, Origin, ProjectedEncoder, Projection
from search_engine.errors import CorruptDataError, NoEmbeddingError
from search_engine.images import Preprocessing
from search_engine.records import Pixels, Vectors
from tests.small_catalog import unit_vectors

SIZE, REDUCED = 12, 5


class MeanColours:
    """The mean colour of each row of pixels; a small encoder that is one."""

    spec = EncoderSpec("mean-colours", 3 * 4, Preprocessing(size_px=4, resize_px=4))
    runtime = "numpy"

    def encode(self, pixels: Pixels) -> Vectors:
        features = pixels.mean(axis=2).reshape(len(pixels), 12).astype(np.float32) + 1
        return np.asarray(features / np.linalg.norm(features, axis=1, keepdims=True))


def projection(seed: int = 0, fingerprint: str = MeanColours.spec.fingerprint) -> Projection:
    random = np.random.default_rng(seed)
    return Projection(
        random.normal(0, 0.1, SIZE).astype(np.float32),
        random.normal(size=(SIZE, REDUCED)).astype(np.float32),
        Origin(fingerprint=fingerprint, target="label", items=9, classes=3, shrinkage=0.1),
    )


def test_rows_are_moved_turned_and_scaled_to_length_one() -> None:
    vectors, one = unit_vectors(7, dimension=SIZE), projection()
    wanted = (vectors.astype(np.float64) - one.mean) @ one.matrix
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    found = one.apply(vectors)
    assert found.dtype == np.float32
    assert found.shape == (7, REDUCED)
    assert np.allclose(found, wanted, atol=1e-6)
    assert one.apply(vectors[:0]).shape == (0, REDUCED)


def test_a_row_without_a_direction_is_named() -> None:
    one = projection()
    with pytest.raises(NoEmbeddingError) as caught:
        one.apply(np.stack([unit_vectors(1, dimension=SIZE)[0], one.mean]))
    assert caught.value.rows == (1,)


def test_bytes_bring_it_back_and_tell_others_apart() -> None:
    one = projection()
    found = Projection.from_bytes(one.data, one.sha256)
    assert np.array_equal(found.mean, one.mean)
    assert np.array_equal(found.matrix, one.matrix)
    assert (found.origin, found.sha256) == (one.origin, one.sha256)
    assert projection(seed=1).sha256 != one.sha256
    other = replace(one, origin=one.origin.model_copy(update={"forced": True}))
    assert other.sha256 != one.sha256


@pytest.mark.parametrize("place", [0, 9, 60, -1])
def test_damaged_bytes_are_refused(place: int) -> None:
    one = projection()
    data = bytearray(one.data)
    data[place] ^= 1
    with pytest.raises(CorruptDataError, match="damaged"):
        Projection.from_bytes(bytes(data), one.sha256)


def test_the_encoder_has_another_identity_and_projects_what_it_encodes() -> None:
    one = projection()
    tuned = ProjectedEncoder(MeanColours(), one)
    assert tuned.spec.dimension == REDUCED
    assert tuned.spec.fingerprint != MeanColours.spec.fingerprint
    assert tuned.spec.fingerprint != ProjectedEncoder(MeanColours(), projection(1)).spec.fingerprint
    pixels = np.random.default_rng(0).integers(0, 255, (3, 4, 4, 3), dtype=np.uint8)
    assert np.array_equal(tuned.encode(pixels), one.apply(MeanColours().encode(pixels)))


def test_a_projection_of_another_encoder_is_refused() -> None:
    with pytest.raises(CorruptDataError, match="belongs behind"):
        ProjectedEncoder(MeanColours(), projection(fingerprint="0" * 32))


@pytest.mark.parametrize(
    ("held_out", "judged_by", "judges"),
    [
        (None, None, ()),
        ([4, 7], None, (Judge(fingerprint="before", held_out=(4, 7)),)),
        ([4, 7], "other", (Judge(fingerprint="other", held_out=(4, 7)),)),
    ],
)
def test_the_former_format_is_read_and_keeps_its_identity(
    held_out: list[int] | None, judged_by: str | None, judges: tuple[Judge, ...]
) -> None:
    told = {"format": 1, "fingerprint": "before", "target": "label", "items": 9, "classes": 3}
    told |= {"shrinkage": 0.1, "forced": False, "came_with": {}}
    told |= {"held_out": held_out, "judged_by": judged_by}
    arrays = {"mean": projection().mean, "matrix": projection().matrix}
    data = save(arrays, {"origin": json.dumps(told)})
    sha256 = hashlib.sha256(data).hexdigest()
    found = Projection.from_bytes(data, sha256)
    assert (found.origin.judges, found.sha256) == (judges, sha256)
    again = replace(found, origin=found.origin.model_copy(update={"items": 10}))
    assert Projection.from_bytes(again.data, again.sha256).origin.judges == judges
