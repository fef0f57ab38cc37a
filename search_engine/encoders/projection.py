"""A learned projection behind an encoder, which separates a catalog's classes better.

It is stored in the `safetensors` format: plain arrays and text. Its SHA-256 is part of the identity
of the projected encoder.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from search_engine.encoders.base import (
    Encoder,
    encode_pictures,
    encode_possible,
    mean_of_views,
    unit_rows,
)
from search_engine.encoders.layered import LayeredEncoder
from search_engine.encoders.positions import Positions, positions_of, unit_positions
from search_engine.encoders.texts import text_encoder
from search_engine.errors import CorruptDataError, NoEmbeddingError
from search_engine.images import DecodedImage
from search_engine.records import Pixels, Vectors

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

FORMAT = 2


class Judge(BaseModel):
    """A network that judges a fine-tuned one: its fingerprint, and keys of items new to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str
    held_out: tuple[int, ...]


class Origin(BaseModel):
    """What a projection learned from, and how.

    `fingerprint` is that of the encoder in front of it; `came_with` are the options of that encoder
    before any tuning. `target` is None if there were no labels. `forced` tells that it is used
    though it was not shown to be better. A fine-tuned network, the mean of several trainings, has
    `judges`: the means of those trainings that did without some items, whose embeddings are kept to
    judge and to calibrate by. Without any the network is not fine-tuned, or learned without labels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    fingerprint: str
    target: str | None
    items: int = Field(ge=1)
    classes: int = Field(ge=0)
    shrinkage: float = Field(gt=0, le=1)
    forced: bool = False
    came_with: dict[str, str] = {}
    judges: tuple[Judge, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _of_format_1(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Read the one judge that there was before."""
        if values.get("format") != 1:
            return values
        held_out, judge = values.pop("held_out", None), values.pop("judged_by", None)
        judges = [{"fingerprint": judge or values["fingerprint"], "held_out": held_out}]
        return {**values, "format": FORMAT, "judges": [] if held_out is None else judges}


def project(vectors: Vectors, mean: NDArray[np.float32], matrix: NDArray[np.float32]) -> Vectors:
    """Compute unit rows of (vectors - mean) @ matrix, (N, d), float32.

    Raises:
        NoEmbeddingError: Some rows become zero; `rows` says which.
    """
    return unit_rows(np.asarray((vectors - mean) @ matrix, dtype=np.float32))


@dataclass(frozen=True)
class Projection:
    """Map embeddings (N, D) to (N, d): unit rows of (x - mean) @ matrix.

    `mean` (D,) and `matrix` (D, d) are float32.
    """

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]
    origin: Origin

    @property
    def dimension(self) -> int:
        """Width of the projected embeddings, d."""
        return int(self.matrix.shape[1])

    def apply(self, vectors: Vectors) -> Vectors:
        """Return the projected embeddings, unit rows (N, d), float32.

        Raises:
            NoEmbeddingError: The projection maps some rows to zero; `rows` says which.
        """
        return project(vectors, self.mean, self.matrix)

    @cached_property
    def data(self) -> bytes:
        """Everything, serialised."""
        from safetensors.numpy import save

        arrays = {"mean": self.mean, "matrix": np.ascontiguousarray(self.matrix)}
        return save(arrays, {"origin": self.origin.model_dump_json()})

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of `data`."""
        return hashlib.sha256(self.data).hexdigest()

    @classmethod
    def from_bytes(cls, data: bytes, sha256: str) -> "Projection":
        """Restore a projection from `data`.

        Raises:
            CorruptDataError: The bytes are damaged.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        if hashlib.sha256(data).hexdigest() != sha256:
            raise CorruptDataError(
                "a learned projection is damaged", fix="tune the encoder again, or undo the tuning"
            )
        try:
            arrays = load(data)
            found = cls(arrays["mean"], arrays["matrix"], Origin.model_validate_json(_header(data)))
        except (SafetensorError, ValidationError, KeyError, ValueError) as error:
            raise CorruptDataError(
                "a learned projection is not one of this version", fix="use a newer eyedex"
            ) from error
        found.__dict__["data"] = (
            data  # what it is known by, though this version writes it otherwise
        )
        return found


class ProjectedEncoder:
    """An encoder with a projection behind it: another encoder, with a fingerprint of its own."""

    def __init__(self, base: Encoder, projection: Projection) -> None:
        """Combine the two.

        Raises:
            CorruptDataError: The projection was learned for another encoder.
        """
        if projection.origin.fingerprint != base.spec.fingerprint:
            raise CorruptDataError(
                f"the projection belongs behind encoder {projection.origin.fingerprint}, "
                f"not {base.spec.fingerprint}",
                fix="bring back the former weights",
            )
        self.base = base
        self.projection = projection
        self.spec = replace(base.spec, dimension=projection.dimension, projection=projection.sha256)

    @property
    def runtime(self) -> str:
        """See Encoder."""
        return self.base.runtime

    def encode(self, pixels: Pixels) -> Vectors:
        """See Encoder."""
        return self.project(self.base.encode(pixels))

    def project(self, features: Vectors) -> Vectors:
        """Return the projected embeddings of those of the encoder in front, unit rows (N, d).

        BLAS uses one thread: others would keep spinning after each product and slow the network
        down to 0.73 of its speed, instead of 0.92.
        """
        with _blas().limit(limits=1):
            return self.projection.apply(features)

    @property
    def logit_scale(self) -> float:
        """See TextEncoder; cosines are others behind the projection."""
        return text_encoder(self.base, "text").logit_scale

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """See TextEncoder: texts go through the projection as pictures do.

        Raises:
            ParameterError: The encoder in front reads no texts.
        """
        return self.projection.apply(text_encoder(self.base, "text").encode_texts(texts))

    def positions(self, pixels: Pixels) -> Positions:
        """See PositionEncoder: the mean that is taken off is the same part of every position.

        Raises:
            ParameterError: The encoder in front cannot do it.
        """
        parts = positions_of(self.base, pixels, "encoder")
        mean = self.projection.mean / (parts.shape[1] * parts.shape[2])
        with _blas().limit(limits=1):
            return unit_positions((parts - mean) @ self.projection.matrix)


def base_of(encoder: Encoder) -> Encoder | None:
    """Return the encoder below, whose embeddings this one projects or takes a part of."""
    return encoder.base if isinstance(encoder, ProjectedEncoder | LayeredEncoder) else None


def encode_both(
    encoder: Encoder, pictures: Sequence[DecodedImage]
) -> tuple[list[int], Vectors, Vectors | None]:
    """Do the same as `encode_pictures`, and also return the embeddings by the encoder below.

    Those are None where there is none, and where the projection maps a picture to zero.
    """
    if isinstance(encoder, ProjectedEncoder | LayeredEncoder):
        views = np.concatenate([one.views for one in pictures])
        kept, plain = encode_possible(encoder.base, views)
        with suppress(NoEmbeddingError):
            vectors = encoder.project(plain)
            return (
                *mean_of_views(pictures, kept, vectors),
                mean_of_views(pictures, kept, plain)[1],
            )
    return (*encode_pictures(encoder, pictures), None)


@cache
def _blas() -> "ThreadpoolController":
    """Find NumPy's BLAS; searching for it takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def _header(data: bytes) -> str:
    """Read the metadata, stored as JSON before the arrays."""
    size = int.from_bytes(data[:8], "little")
    return str(json.loads(data[8 : 8 + size])["__metadata__"]["origin"])
