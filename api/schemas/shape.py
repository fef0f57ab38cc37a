"""What makes a TypedDict a schema of the API."""

from typing import Any, TypeVar

T = TypeVar("T")


def shape(declared: type[T]) -> type[T]:
    """Mark a TypedDict as the shape of an answer: no other keys, docstrings of keys are its text.

    `api.openapi` adds the docstrings; pydantic, which reads the mark, would miss inherited ones.
    """
    marked: Any = declared
    marked.__pydantic_config__ = {"extra": "forbid"}
    return declared
