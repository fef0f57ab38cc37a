"""`external:<name>`: embeddings made elsewhere and imported by `eyedex import`.

Such an encoder is a name, a dimension and the fingerprint that follows from both. It cannot encode
pictures; whatever uses stored embeddings works as with any other encoder.
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
    """The identity of embeddings made elsewhere."""

    runtime = "made elsewhere"

    def __init__(self, spec: EncoderSpec) -> None:
        self.spec = spec

    def encode(self, pixels: Pixels) -> Vectors:
        """Always raise.

        Raises:
            ExternalEncoderError: See `refuse_pictures`.
        """
        raise cannot_look(self.spec.name)


def external_spec(name: str, dimension: int) -> EncoderSpec:
    """Return the identity of external embeddings; `name` includes `external:`.

    Raises:
        ParameterError: The name or the dimension is invalid.
    """
    if not _NAME.fullmatch(name.partition(":")[2]):
        raise ParameterError(
            f"not a name for an encoder: {name!r}",
            where="encoder",
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
        ExternalEncoderError: The dimension is unknown, as nothing was imported yet.
    """
    refuse_choices(request)
    if request.dimension is None:
        raise cannot_look(request.name)
    return ExternalEncoder(external_spec(request.name, request.dimension))


def external_names() -> Iterator[str]:
    """Return no names: whoever imports embeddings chooses one."""
    return iter(())


def is_external(name: str) -> bool:
    """Return whether a full name belongs to this family."""
    return name.partition(":")[0] == EXTERNAL


def refuse_pictures(encoder: Encoder, option: str | None = None) -> Encoder:
    """Return the encoder if it can encode pictures, directly or behind a projection.

    Args:
        encoder: The encoder.
        option: The option that needs it, whatever is asked with; None for a picture.

    Raises:
        ExternalEncoderError: Its embeddings are made elsewhere.
    """
    if is_external(encoder.spec.name):
        raise cannot_look(encoder.spec.name, option)
    return encoder


def cannot_look(name: str, option: str | None = None) -> ExternalEncoderError:
    """Return the error for a picture or text that an external encoder should encode."""
    what = f"the embeddings of {name} are made elsewhere: no picture or text can be encoded here"
    if option is not None:
        return ExternalEncoderError(what, where=option, fix=f"leave out {option}")
    return ExternalEncoderError(
        what,
        fix="ask with an item of the collection (`eyedex search --item`) or with its embedding "
        "(`vector`), or let that be made there too, and `eyedex import` it",
    )
