"""Texts as embeddings among those of pictures, by encoders that have a network for texts too."""

from collections.abc import Sequence
from typing import Protocol, cast

from search_engine.encoders.base import Encoder
from search_engine.errors import ParameterError
from search_engine.records import Vectors


class TextEncoder(Encoder, Protocol):
    """An encoder whose embeddings of a text lie near those of pictures that show what it says."""

    @property
    def logit_scale(self) -> float:
        """What cosines of texts and pictures are multiplied by before a softmax over texts."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode texts to unit rows in input order, (N, dimension), float32.

        Raises:
            ParameterError: A text is longer than the network reads.
            MissingExtraError: Its words are split by a package that is not installed.
        """
        ...


def reads_texts(encoder: Encoder) -> bool:
    """Whether an encoder is a TextEncoder."""
    return hasattr(encoder, "encode_texts")


def text_encoder(encoder: Encoder, where: str) -> TextEncoder:
    """The same encoder, if it is one.

    Args:
        encoder: Any.
        where: The field or option that asks for it, for errors.

    Raises:
        ParameterError: It sees pictures only; the message names those that read texts.
    """
    if not reads_texts(encoder):
        raise ParameterError(
            f"the encoder {encoder.spec.name} sees pictures, but reads no texts",
            where=where,
            fix="index with an encoder that does, such as open_clip:ViT-B-32.laion2b_s34b_b79k "
            "(`eyedex encoders --all` lists them), or `eyedex switch` to one",
        )
    return cast(TextEncoder, encoder)
