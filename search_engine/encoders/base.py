"""The protocol of encoders: a function from pixels to unit vectors, with an identity."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from search_engine.errors import NoEmbeddingError
from search_engine.images import FORMER_EDITIONS, DecodedImage, Preprocessing
from search_engine.records import Pixels, Vectors

FINGERPRINT_CHARS = 32
MIN_NORM = 1e-6


@dataclass(frozen=True)
class EncoderSpec:
    """Everything that determines the embedding of a picture.

    The runtime (torch, OpenVINO) and its precision are not part of it, as all must agree with
    float32 torch to a cosine of 0.999.

    `weights_sha256` is empty for encoders without weights; `mean` and `std` are those of RGB
    samples scaled to 0..1; `projection` is the SHA-256 of a learned projection, if any.
    """

    name: str
    dimension: int
    preprocessing: Preprocessing
    weights_sha256: str = ""
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    pooling: str = "avg"
    projection: str | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of all fields; vectors of different fingerprints are never compared."""
        described = asdict(self)
        if self.preprocessing.edition == 1:  # the first edition was not recorded
            del described["preprocessing"]["edition"]
        text = json.dumps(described, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_CHARS]

    def as_made(self, fingerprint: str | None) -> "EncoderSpec":
        """Return this encoder in the edition that had a fingerprint; itself if none had."""
        for edition in FORMER_EDITIONS:
            former = replace(self, preprocessing=replace(self.preprocessing, edition=edition))
            if former.fingerprint == fingerprint:
                return former
        return self


class Encoder(Protocol):
    """Converts pixels to embeddings."""

    @property
    def spec(self) -> EncoderSpec:
        """The identity."""
        ...

    @property
    def runtime(self) -> str:
        """What computes it, for people: for example `openvino bfloat16 on CPU`."""
        ...

    def encode(self, pixels: Pixels) -> Vectors:
        """Encode pictures to unit rows in input order.

        Args:
            pixels: Shape (N, size_px, size_px, 3), uint8, RGB; N may be 0. Not changed.

        Returns:
            Shape (N, dimension), float32.

        Raises:
            NoEmbeddingError: Some rows have no direction; `rows` says which.
        """
        ...


def unit_rows(features: NDArray[np.float32]) -> Vectors:
    """Scale rows to length 1; no other place normalises embeddings.

    Raises:
        NoEmbeddingError: Some rows are zero or not finite; `rows` says which.
    """
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    bad = np.flatnonzero(~np.isfinite(norms[:, 0]) | (norms[:, 0] < MIN_NORM))
    if bad.size:
        raise nothing_found(tuple(int(row) for row in bad))
    return np.asarray(features / norms, dtype=np.float32)


def nothing_found(rows: tuple[int, ...]) -> NoEmbeddingError:
    """What to say of pictures that have no embedding."""
    error = NoEmbeddingError("the encoder finds nothing in the picture")
    error.rows = rows
    return error


def encode_pictures(
    encoder: Encoder, pictures: Sequence[DecodedImage]
) -> tuple[list[int], Vectors]:
    """Encode the pictures that have an embedding; also return their positions in the input.

    The embedding of a picture with several views is the mean of theirs.
    """
    kept, vectors = encode_possible(encoder, np.concatenate([one.views for one in pictures]))
    return mean_of_views(pictures, kept, vectors)


def mean_of_views(
    pictures: Sequence[DecodedImage], kept: list[int], vectors: Vectors
) -> tuple[list[int], Vectors]:
    """Return the pictures that have an embedding, and the mean of their views' embeddings.

    Args:
        pictures: The pictures.
        kept: The views of all of them that have one, ascending.
        vectors: The embeddings of these views, (N, D).
    """
    views = [len(one.views) for one in pictures]
    if max(views) == 1 or not kept:
        return kept, vectors
    positions, starts, counts = np.unique(
        np.repeat(np.arange(len(pictures)), views)[kept], return_index=True, return_counts=True
    )
    found = np.add.reduceat(vectors, starts)
    found[counts > 1] = unit_rows(found[counts > 1])
    return positions.tolist(), found


def encode_picture(encoder: Encoder, picture: DecodedImage) -> Vectors:
    """Encode one picture, (1, D).

    Raises:
        NoEmbeddingError: The picture has no embedding.
    """
    kept, vectors = encode_pictures(encoder, [picture])
    if not kept:
        raise nothing_found((0,))
    return vectors


def encode_possible(encoder: Encoder, pixels: Pixels) -> tuple[list[int], Vectors]:
    """Encode the rows that have an embedding; also return their positions in the input."""
    try:
        return list(range(len(pixels))), encoder.encode(pixels)
    except NoEmbeddingError as error:
        bad = set(error.rows)
        kept = [position for position in range(len(pixels)) if position not in bad]
        return kept, encoder.encode(pixels[kept])
