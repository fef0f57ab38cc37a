"""Multipart forms: texts by name, and pictures in fields named image."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.problems import Problem
from search_engine.errors import ParameterError
from search_engine.near import shown

MAX_FIELDS = 20
MAX_FIELD_BYTES = 2**20


async def read_multipart(request: Request, most_images: int) -> tuple[dict[str, Any], list[bytes]]:
    """The texts and the pictures of a form.

    Raises:
        Problem: 400 or 422, saying what is wrong.
        ParameterError: A field is given twice, or is for JSON.
    """
    if "boundary=" not in request.headers.get("content-type", ""):
        raise Problem(400, "bad_request", "the multipart boundary is missing")
    form = await _parsed(request, most_images + 1)
    try:
        values, images = await _parts(form)
    finally:
        await form.close()
    if len(images) > most_images:
        raise _too_many(most_images)
    return values, images


async def _parsed(request: Request, max_files: int) -> FormData:
    async with aclosing(request.stream()) as stream:
        parser = _WholeFormParser(
            request.headers,
            stream,
            max_files=max_files,
            max_fields=MAX_FIELDS,
            max_part_size=MAX_FIELD_BYTES,
        )
        try:
            return await parser.parse()
        except MultiPartException as error:
            raise Problem(400, "bad_request", error.message) from None


class _WholeFormParser(MultiPartParser):
    """Insists on the last boundary: parts that were cut off would be missed silently."""

    _ended = False

    async def parse(self) -> FormData:
        self.stream = self._whole(self.stream)
        return await super().parse()

    def on_end(self) -> None:
        self._ended = True

    async def _whole(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for chunk in stream:
            yield chunk
        if not self._ended:
            raise Problem(400, "truncated_body", "the body ends before its last boundary")


async def _parts(form: FormData) -> tuple[dict[str, Any], list[bytes]]:
    values: dict[str, Any] = {}
    images: list[bytes] = []
    for name, part in form.multi_items():
        if isinstance(part, UploadFile):
            if name != "image":
                raise Problem(422, "bad_parameter", "the picture's field is named image")
            images.append(await part.read())
        elif name == "image":
            raise Problem(422, "missing_file", "image is a text; send it as a file")
        elif name == "image_base64":
            raise ParameterError("it is for JSON", where=name, fix="send the file as image")
        elif name in values:
            raise ParameterError("it is given twice", where=shown(name))
        else:
            values[name] = part
    return values, images


def _too_many(most: int) -> Problem:
    if most == 1:
        return Problem(422, "one_file_only", "send one picture at a time")
    return Problem(422, "too_many_queries", f"send at most {most} pictures at a time")
