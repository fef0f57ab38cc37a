"""Embeddings are what they were when the golden file was recorded."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.golden.recording import (
    ENCODERS,
    GOLDEN,
    computed_pixels,
    described,
    drawn_pixels,
    reference_encoder,
)

COMPUTED_TOLERANCE = 2e-4
"""The same pixels: only the order of additions may differ from one CPU to another."""

DRAWN_TOLERANCE = 2e-2
"""Drawing, JPEG and scaling differ in single pixel values from one library version to another."""


def golden(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(GOLDEN.read_text())[name]
    return found


def assert_near(got: dict[str, Any], wanted: dict[str, Any], tolerance: float) -> None:
    for part in ("projections", "cosines"):
        np.testing.assert_allclose(got[part], wanted[part], rtol=0, atol=tolerance, err_msg=part)


@pytest.mark.parametrize("name", ENCODERS)
def test_the_identity_of_stored_embeddings_has_not_changed(name: str) -> None:
    """Another fingerprint makes every catalog that was indexed so far unusable."""
    assert reference_encoder(name).spec.fingerprint == golden(name)["fingerprint"]


FORMER = {
    "efficientnet_lite0": (
        "3ebecbc22dd363b004b1c1af5775f37e",
        "3951849c478557cbc6212b56f970970e",
    ),
    "hsv": (
        "ff5521d25642849a6ec57efb2a039492",
        "64d6a544423e9c53918932b8ffdeb8cb",
    ),
}
"""Fingerprints of the former editions of preprocessing: without colour profiles and wide views, and
with borders."""


@pytest.mark.parametrize("edition", [1, 2])
@pytest.mark.parametrize("name", ENCODERS)
def test_a_collection_of_a_former_edition_goes_on_with_it(name: str, edition: int) -> None:
    fingerprint = FORMER[name][edition - 1]
    spec = reference_encoder(name).spec.as_made(fingerprint)
    assert (spec.fingerprint, spec.preprocessing.edition) == (fingerprint, edition)


@pytest.mark.parametrize("name", ENCODERS)
def test_embeddings_of_computed_pictures(name: str) -> None:
    encoder = reference_encoder(name)
    got = described(encoder.encode(computed_pixels(encoder)))
    assert_near(got, golden(name)["computed"], COMPUTED_TOLERANCE)


@pytest.mark.parametrize("name", ENCODERS)
def test_embeddings_of_drawn_pictures(name: str, sample: Path) -> None:
    encoder = reference_encoder(name)
    got = described(encoder.encode(drawn_pixels(encoder, sample / "images")))
    assert_near(got, golden(name)["drawn"], DRAWN_TOLERANCE)
