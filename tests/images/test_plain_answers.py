"""What decoding processes answer with: described as JSON and buffers, and understood again."""

import json
from typing import Any

import numpy as np
import pytest

from search_engine.errors import CorruptImageError
from search_engine.images import DecodedImage, ImageLimits, Preprocessing
from search_engine.images.decoder import decode_one
from search_engine.images.plain_answers import UnknownAnswerError, described, understood
from tests.images.pictures import png


def sent(answer: Any) -> Any:
    """As the parent of a process has it, by way of JSON."""
    told, buffers = described(answer)
    return understood(json.loads(json.dumps(told)), [bytearray(each) for each in buffers])


@pytest.mark.parametrize(
    "answer", [None, True, 5, 0.5, "é", b"ab", (1, b"x"), [(), [b"", "a"]], ((None,), [1, 2])]
)
def test_plain_values_come_as_they_were(answer: Any) -> None:
    assert sent(answer) == answer
    assert type(sent(answer)) is type(answer)


def test_arrays_and_pictures_come_as_they_were() -> None:
    array = np.arange(12, dtype="<f4").reshape(3, 4)[:, ::2]
    assert np.array_equal(sent(array), array)
    picture = decode_one(png(), Preprocessing(16, 16), ImageLimits(), None, True)
    there = sent(picture)
    assert isinstance(there, DecodedImage)
    assert np.array_equal(there.pixels, picture.pixels)
    assert (there.warnings, there.colors) == (picture.warnings, picture.colors)


def test_errors_come_with_what_they_say_and_foreign_ones_as_failures() -> None:
    error = sent(CorruptImageError("cut off", where="a.png", fix="save it again"))
    assert isinstance(error, CorruptImageError)
    assert (error.what, error.where, error.fix) == ("cut off", "a.png", "save it again")
    failure = sent(KeyError("x"))
    assert (type(failure), str(failure)) == (RuntimeError, "KeyError: 'x'")


@pytest.mark.parametrize(
    "told",
    [
        {"bytes": 3}, {"array": 0, "type": "O", "shape": [1]}, {"record": "Path", "values": []},
        {"error": "ClassVar", "told": ["", None, None]}, {"error": "EyedexError"}, {"other": 1},
        {"array": 0, "type": "<f4", "shape": [9]},
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused(told: Any) -> None:
    with pytest.raises(UnknownAnswerError):
        understood(told, [bytearray(8)])
