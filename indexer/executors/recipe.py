"""How another process makes the encoder of a run."""

import hashlib
import json
from dataclasses import dataclass, replace

from search_engine.encoders.base import Encoder
from search_engine.encoders.layered import LayeredEncoder
from search_engine.encoders.projection import ProjectedEncoder, Projection, base_of
from search_engine.encoders.registry import EncoderRequest, create_encoder, create_with_layers
from search_engine.errors import ModelMismatchError, WeightsError


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """The encoder of a request, with features of several layers or a projection if it has them.

    `fingerprint` and `below` are its own and that of the encoder below, if any.
    """

    request: EncoderRequest
    fingerprint: str
    below: str | None
    layered: bool
    projection: bytes | None

    @classmethod
    def of(cls, encoder: Encoder, request: EncoderRequest) -> "EncoderRecipe":
        """How an encoder was made from a request; what is not kept there is added."""
        base = base_of(encoder)
        cache = None if request.cache is None else request.cache.absolute()
        return cls(
            # Others may read the exported network, and leave it as it is.
            request=replace(request, cache=cache, keep=False, download=False),
            fingerprint=encoder.spec.fingerprint,
            below=None if base is None else base.spec.fingerprint,
            layered=isinstance(encoder, LayeredEncoder),
            projection=encoder.projection.data if isinstance(encoder, ProjectedEncoder) else None,
        )

    @property
    def digest(self) -> str:
        """What tells embeddings of this encoder from all others."""
        text = json.dumps([self.fingerprint, self.below])
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def make(self) -> Encoder:
        """Make the encoder here.

        Raises:
            WeightsError: The weights are not here.
            ModelMismatchError: What is installed here gives another encoder.
        """
        weights = self.request.weights
        if weights is not None and not weights.exists():
            raise WeightsError(
                "the weights are not here", where=str(weights), fix="put them at this path"
            )
        encoder = self._made()
        if encoder.spec.fingerprint != self.fingerprint:
            raise ModelMismatchError(
                f"{self.request.name} is {encoder.spec.fingerprint} here, and {self.fingerprint} "
                "where the run was started",
                fix="install the same version of Eyedex and of the weights",
            )
        return encoder

    def _made(self) -> Encoder:
        if self.layered:
            return create_with_layers(self.request)
        plain = create_encoder(self.request)
        if self.projection is None:
            return plain
        sha256 = hashlib.sha256(self.projection).hexdigest()
        return ProjectedEncoder(plain, Projection.from_bytes(self.projection, sha256))


@dataclass(frozen=True, slots=True)
class MadeEncoder:
    """An encoder, how others make it, and the options that are stored to make it again."""

    encoder: Encoder
    recipe: EncoderRecipe
    options: dict[str, str]
