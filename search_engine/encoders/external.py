"""`external:<name>`: embeddings that are made elsewhere and taken in by `eyedex import`.

Such an encoder is a name, a dimension and the fingerprint that follows from the two. It cannot look
at a picture; whatever starts from embeddings that are stored works as with any other.
"""

import re
from collections.abc import Iterator

from search_engine.encoders.base import Encoder, EncoderSpec
from search_engine.encoders.pictures import refuse_choices
from search_engine.encoders.registry import EXTERNAL, EncoderRequest
from search_engine.errors import ExternalEncoderError, ParameterError
from search_engine.images import Preprocessing
from search_engine.records import Pixels, Vectors

MAX_DIMENSION = 65_536

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@+-]{0,95}", re.ASCII)
_NO_PICTURES = Preprocessing(
    size_px=8, resize_px=8, fit="squash", interpolation="bilinear", edition=1
)


class ExternalEncoder:
    """The identity of embeddings that are made elsewhere."""

    runtime = "made elsewhere"

    def __init__(self, spec: EncoderSpec) -> None:
        self.spec = spec

    def encode(self, pixels: Pixels) -> Vectors:
        """Always refused.

        Raises:
            ExternalEncoderError: See `refuse_pictures`.
        """
        raise cannot_look(self.spec.name)


def external_spec(name: str, dimension: int) -> EncoderSpec:
    """The identity of embeddings that `name` stands for, `external:` included.

    Raises:
        ParameterError: The name or the dimension is none.
    """
    if not _NAME.fullmatch(name.partition(":")[2]):
        raise ParameterError(
            f"not a name for an encoder: {name!r}",
            where="--encoder",
            fix="use up to 96 letters, digits and . _ / @ + - behind external:",
        )
    if not 1 <= dimension <= MAX_DIMENSION:
        raise ParameterError(
            f"{dimension:,} is not the dimension of an embedding",
            fix=f"1 to {MAX_DIMENSION:,} are possible",
        )
    return EncoderSpec(name, dimension, preprocessing=_NO_PICTURES, pooling="elsewhere")


def external(request: EncoderRequest) -> ExternalEncoder:
    """Factory for the registry; the dimension is kept with the collection.

    Raises:
        ExternalEncoderError: There is no dimension, as nothing was imported yet.
    """
    refuse_choices(request)
    if request.dimension is None:
        raise cannot_look(request.name)
    return ExternalEncoder(external_spec(request.name, request.dimension))


def external_names() -> Iterator[str]:
    """None: they are made up by whoever imports."""
    return iter(())


def is_external(name: str) -> bool:
    """Whether a full name is one of this family."""
    return name.partition(":")[0] == EXTERNAL


def refuse_pictures(encoder: Encoder) -> Encoder:
    """The encoder itself, if it can look at pictures; also one that a projection is put behind.

    Raises:
        ExternalEncoderError: Its embeddings are made elsewhere.
    """
    if is_external(encoder.spec.name):
        raise cannot_look(encoder.spec.name)
    return encoder


def cannot_look(name: str) -> ExternalEncoderError:
    """What to say to somebody who comes with a picture."""
    return ExternalEncoderError(
        f"the embeddings of {name} are made elsewhere: a picture cannot be encoded here",
        fix="ask with an item of the collection (`eyedex search --item`), or let its embedding be "
        "made there too, and `eyedex import` it",
    )
