"""What is searched with: an embedding, and what is known of where it comes from."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from search_engine.errors import (
    EyedexError,
    ParameterError,
)
from search_engine.images import (
    DecodedImage,
    Preprocessing,
)
from search_engine.records import Region, Vectors
from search_engine.search.asked import Asked
from search_engine.search.examples import named
from search_engine.search.mixes import Mix, rocchio
from search_engine.search.regions import COST
from search_engine.search.rerank.local_features import LocalFeatures


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked with: `vector` (1, D), and where it comes from.

    `features` are made when a re-ranking asks for them, `colors` (a packed palette) when colours
    shall be the same, `shape` (packed as well) when shapes shall be; `look` decodes the photo again
    when an explanation asks for it, None if there is no photo. `keys` are those of the items that
    it is made of, which are not found then. `token` stands for it in further questions.
    `timings_ms` say what embedding took. `mix` is what its vector comes from where there are
    examples. `regions` are parts of the photo, if they were asked for; `windows` (W, D) are
    embeddings of its parts, or of it turned, if they are searched with, and `cost` what their
    scores count less. Copies are found by `picture_hash`, empty if there is none. `plain` (1, D) is
    its embedding before a learned projection, if that is known.
    """

    vector: Vectors = field(repr=False)
    features: Callable[[], LocalFeatures]
    keys: tuple[int, ...] = ()
    token: str | None = None
    warnings: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    mix: Mix | None = None
    look: Callable[[Preprocessing], DecodedImage] | None = None
    regions: tuple[Region, ...] | None = None
    windows: Vectors | None = field(default=None, repr=False)
    cost: float = COST
    picture_hash: bytes = field(default=b"", repr=False)
    colors: Callable[[], bytes] = lambda: no_colors("this is no picture")
    shape: Callable[[], bytes] = lambda: no_colors("this is no picture")
    plain: Vectors | None = field(default=None, repr=False)

    @property
    def item_key(self) -> int | None:
        """The key of the item that it is, if it is one."""
        is_item = len(self.keys) == 1 and self.mix is None and self.token is None
        return self.keys[0] if is_item else None


def mixed(asked: Asked, parts: Sequence[Subject | EyedexError]) -> Subject:
    """The subject of a question with examples; `parts` are those of `asked.parts`.

    Raises:
        EyedexError: A part is none, or they cancel each other out.
    """
    known = list(_known_parts(asked, parts))
    own = known[: len(known) - len(asked.examples)]
    rows = [
        part.vector * np.float32(example.weight)
        for part, example in zip(known[len(own) :], asked.examples, strict=True)
    ]
    likes = len(asked.like)
    mix = Mix.of([part.vector for part in own], rows[:likes], rows[likes:])
    return Subject(
        rocchio(mix),
        partial(no_features, "a mix is not one picture"),
        keys=tuple(sorted({key for part in known for key in part.keys})),
        warnings=tuple(dict.fromkeys(text for part in known for text in part.warnings)),
        timings_ms=_sums(part.timings_ms for part in known),
        mix=mix,
    )


def _sums(timings: Iterable[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for each in timings:
        for name, ms in each.items():
            found[name] = found.get(name, 0.0) + ms
    return found


def _known_parts(asked: Asked, parts: Sequence[Subject | EyedexError]) -> Iterator[Subject]:
    names = [f"like[{n}]" for n in range(len(asked.like))]
    names += [f"unlike[{n}]" for n in range(len(asked.unlike))]
    for name, part in zip([""] * (len(parts) - len(names)) + names, parts, strict=True):
        if isinstance(part, EyedexError):
            raise named(part, name) if name else part
        yield part


def no_colors(why: str) -> bytes:
    """Refuse `color=same` and `parts` where there is no picture, saying why.

    Raises:
        ParameterError: Always.
    """
    raise ParameterError(
        f"there are no colours and no shape to be like: {why}",
        where="color",
        fix="send the photo itself, or name a colour",
    )


def no_features(why: str) -> LocalFeatures:
    """Refuse a re-ranking that looks at pictures where there is none, saying why.

    Raises:
        ParameterError: Always.
    """
    raise ParameterError(
        f"this re-ranking looks at the photo; {why}", where="rerank", fix="send the photo itself"
    )
