"""Texts as embeddings among those of pictures, by encoders that have a network for texts too."""

from collections.abc import Sequence
from typing import Protocol, cast

from search_engine.encoders.base import Encoder
from search_engine.encoders.registry import list_families, reads_texts
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


def text_encoder(encoder: Encoder, where: str) -> TextEncoder:
    """The same encoder, if it is one.

    Args:
        encoder: Any.
        where: The field or option that asks for it, for errors.

    Raises:
        ParameterError: It sees pictures only; the message names those that read texts.
    """
    if not reads_texts(encoder.spec.name):
        can = ", ".join(f"{each.name}:<name>" for each in list_families() if each.texts)
        raise ParameterError(
            f"the encoder {encoder.spec.name} sees pictures, but reads no texts",
            where=where,
            fix=f"index with one that does ({can}; `eyedex encoders --all` lists them), or "
            "change to it by `eyedex switch`",
        )
    return cast(TextEncoder, encoder)
