"""Make the encoders that an evaluation compares, from their names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from search_engine.config import Settings
from search_engine.encoders.base import Encoder
from search_engine.encoders.registry import EXTERNAL, EncoderRequest, create_encoder
from search_engine.errors import EyedexError, ParameterError, UnknownEncoderError

LEARNT = ("sift", "orb")
"""Encoders of visual words: without a file of words, they learn them from the catalog."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An encoder as it was asked for; `skipped` says why it could not be made here.

    With neither an encoder nor a reason, its visual words still have to be learned.
    """

    name: str
    request: EncoderRequest
    encoder: Encoder | None = None
    skipped: str | None = None

    def with_words(self, pictures: Sequence[NDArray[np.uint8]]) -> "Candidate":
        """Learn visual words from RGB pictures (256, 256, 3); no file is left behind."""
        from search_engine.encoders.words import learn_vocabulary, save_vocabulary

        try:
            with TemporaryDirectory(prefix="eyedex-") as folder:
                file = Path(folder, "words")
                save_vocabulary(file, learn_vocabulary(self.request.name, pictures))
                encoder = create_encoder(replace(self.request, weights=file))
        except EyedexError as error:
            return replace(self, skipped=reason_of(error))
        return replace(self, encoder=encoder)


def candidates(names: str, settings: Settings) -> list[Candidate]:
    """Make encoders by their names, if that is possible on this machine.

    Args:
        names: Separated by commas; a pooling may follow a slash: `efficientnet_lite0/multi`.
        settings: Choose the runtime. Networks are built in memory and not stored.

    Raises:
        UnknownEncoderError: There is no encoder of that name.
        ParameterError: There is no such pooling, or a name is empty.
    """
    listed = list(dict.fromkeys(name.strip() for name in names.split(",")))
    if "" in listed:
        raise ParameterError(
            f"not a list of encoders: {names!r}",
            where="encoders",
            fix="separate names with commas, such as hsv,lbp,efficientnet_lite0/gem",
        )
    return [_candidate(name, settings) for name in listed]


def reason_of(error: EyedexError) -> str:
    """Return the message of an error and its fix."""
    return f"{error.what}; {error.fix}" if error.fix else error.what


def _candidate(name: str, settings: Settings) -> Candidate:
    request = _request(name, settings)
    if request.family == EXTERNAL:
        return Candidate(name, request, skipped="it is made elsewhere and looks at no pictures")
    try:
        return Candidate(name, request, create_encoder(request))
    except (UnknownEncoderError, ParameterError):
        raise
    except EyedexError as error:
        if request.name in LEARNT and _has_opencv():
            return Candidate(name, request)
        return Candidate(name, request, skipped=reason_of(error))


def _request(name: str, settings: Settings) -> EncoderRequest:
    if name.startswith(f"{EXTERNAL}:"):
        return EncoderRequest(name)
    encoder, _, pooling = name.partition("/")
    return EncoderRequest(encoder, runtime=settings.runtime, pooling=pooling or None)


def _has_opencv() -> bool:
    from importlib.util import find_spec

    return find_spec("cv2") is not None
