"""What one query asks with, before anything is read or embedded."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from search_engine.errors import ParameterError
from search_engine.images import Box, PixelBox
from search_engine.search.examples import Example, GivenExample, Picture, examples
from search_engine.search.given_vectors import GivenVector
from search_engine.search.query_cache import QueryToken


@dataclass(frozen=True, slots=True)
class Asked:
    """One query: exactly one of a picture (or its token), an item id, an embedding and a text.

    `text` says what a picture would show. `box` restricts the picture to a region; `regions`
    (`propose` or `auto`) says what to do about its parts, `turns` (`any`) that it may lie on its
    side. `like` and `unlike` are examples of what is wanted and what is not; with some to like, a
    query needs nothing else, and none where words or colours of the options say what is wanted:
    `described` is whether they alone do.
    """

    picture: Picture | None = field(default=None, repr=False)
    item_id: str | None = None
    vector: GivenVector | None = field(default=None, repr=False)
    box: Box | PixelBox | None = None
    like: Sequence[GivenExample] = ()
    unlike: Sequence[GivenExample] = ()
    regions: str | None = None
    turns: str | None = None
    text: str | None = None
    described: bool = False

    def __post_init__(self) -> None:
        for name in ("like", "unlike"):
            if getattr(self, name) != ():
                object.__setattr__(self, name, examples(getattr(self, name), name))
        given = self._given
        if given or self.like or self.unlike:
            object.__setattr__(self, "described", False)
        if given > 1 or not (given or self.like or self.described):
            raise ParameterError(
                "give a picture, `item_id`, `vector` or `text`, one of them, or examples to like",
                where="image",
            )
        for name in ("regions", "turns"):
            is_photo = self.picture is not None and not isinstance(self.picture, QueryToken)
            if getattr(self, name) and not is_photo:
                raise ParameterError(
                    f"`{name}` is about a photo", where=name, fix="send the photo itself"
                )

    @property
    def _given(self) -> int:
        given = (self.picture, self.item_id, self.vector, self.text)
        return sum(each is not None for each in given)

    @property
    def is_encoded(self) -> bool:
        """Whether it, or an example, is a picture, a token or a text."""
        own = self.picture is not None or self.text is not None
        return own or any(
            each.picture is not None or each.text is not None for each in self.examples
        )

    @property
    def parts(self) -> "tuple[Asked, ...]":
        """The query itself, if there is one, and its examples: each without further ones."""
        if not self.examples:
            return (self,)
        own = (replace(self, like=(), unlike=()),) if self._given else ()
        return (
            *own,
            *(Asked(one.picture, one.item_id, one.vector, text=one.text) for one in self.examples),
        )

    @property
    def examples(self) -> tuple[Example, ...]:
        """Those to like, then those not to."""
        return cast(tuple[Example, ...], (*self.like, *self.unlike))
