"""Search and classify."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import Unpack

from api.client.calls import Call, Pages, in_json
from api.client.core import Addresses, given, texts
from api.client.methods import iteration, operation
from api.client.pictures import Picture, picture_bytes, picture_file
from api.client.vectors import encoded, with_arrays
from api.schemas.batches import ClassifyBatch, SearchBatch
from api.schemas.items import Neighbor
from api.schemas.results import ClassifyAnswer, SearchAnswer
from search_engine.search.declared import OPTIONS
from search_engine.search.options import ClassifyArguments, SearchArguments

if TYPE_CHECKING:
    import httpx2

Answer = TypeVar("Answer")

GivenExample = str | Mapping[str, Any]
"""The id of an item, or an example by the names of its fields."""

NAMES = {each.keyword: each.name for each in OPTIONS}
"""Of options in requests, by those that Python has."""


class QueryOperations(Addresses):
    """Operations that ask and change nothing."""

    @operation
    def search(
        self,
        picture: Picture | None = None,
        *,
        item_id: str | None = None,
        query_token: str | None = None,
        vector: Iterable[float] | None = None,
        text: str | None = None,
        like: Sequence[GivenExample] = (),
        unlike: Sequence[GivenExample] = (),
        facets: Sequence[str] | None = None,
        collection: str | None = None,
        **options: Unpack[SearchArguments],
    ) -> Call[SearchAnswer]:
        """Items that look like a picture, best first.

        Args:
            picture: Bytes, a path, a file, a PIL image or an array; not changed. Or else
            item_id: an item, or
            query_token: the token of an earlier answer, or
            vector: an embedding of the collection's encoder, of any length but 0, or
            text: what a picture would show, where the encoder reads texts.
            like: Examples of what is wanted, beside these or instead: ids of items, or `image` (a
                picture), `item_id`, `query_token`, `vector` or `text`, and `weight`.
            unlike: Examples of what is not wanted.
            facets: Fields whose values are counted.
            collection: Another one than the client's.
            options: As of `SearchEngine.search`.
        """
        subject = {"item_id": item_id, "query_token": query_token, "text": text}
        asked = {**subject, "facets": facets, **options}
        asked |= _examples(like=like, unlike=unlike)
        return _question(self.at(collection, "search"), picture, vector, asked)

    @operation
    def classify(
        self,
        picture: Picture | None = None,
        *,
        item_id: str | None = None,
        query_token: str | None = None,
        vector: Iterable[float] | None = None,
        text: str | None = None,
        facets: Sequence[str] | None = None,
        collection: str | None = None,
        **options: Unpack[ClassifyArguments],
    ) -> Call[ClassifyAnswer]:
        """The class of a picture by the vote of its neighbors; arguments as of `search`."""
        subject = {"item_id": item_id, "query_token": query_token, "text": text}
        asked = {**subject, "facets": facets, **options}
        return _question(self.at(collection, "classify"), picture, vector, asked)

    @operation
    def similar(
        self,
        item_id: str,
        *,
        facets: Sequence[str] | None = None,
        collection: str | None = None,
        **options: Unpack[SearchArguments],
    ) -> Call[SearchAnswer]:
        """Items that look like a stored one, without itself."""
        query = _as_texts({"facets": facets, **options})
        address = self.at(collection, "similar", item_id)
        return Call("GET", address, _reader(options), query=query)

    @iteration
    def search_all(
        self,
        picture: Picture | None = None,
        *,
        item_id: str | None = None,
        query_token: str | None = None,
        vector: Iterable[float] | None = None,
        text: str | None = None,
        like: Sequence[GivenExample] = (),
        unlike: Sequence[GivenExample] = (),
        collection: str | None = None,
        **options: Unpack[SearchArguments],
    ) -> Pages[Neighbor]:
        """All items by how much they look like a picture; `k` is how many come at once."""
        asked = {"item_id": item_id, "query_token": query_token, "text": text, **options}
        asked |= _examples(like=like, unlike=unlike)
        first = _question(self.at(collection, "search"), picture, vector, asked)
        return Pages(_turns(first), lambda answer: answer["neighbors"])

    @operation
    def search_batch(
        self,
        queries: Sequence[Mapping[str, Any]],
        *,
        facets: Sequence[str] | None = None,
        collection: str | None = None,
        **options: Unpack[SearchArguments],
    ) -> Call[SearchBatch]:
        """Search for several at once.

        Args:
            queries: Of each what is asked about: `image` (a picture), `item_id`, `query_token` or
                `vector`; and `box`, if only a part of the picture is meant, or `like` and `unlike`.
            facets: See `search`.
            collection: See `search`.
            options: Those of all queries.
        """
        return _batch(self.at(collection, "search:batch"), queries, {"facets": facets, **options})

    @operation
    def classify_batch(
        self,
        queries: Sequence[Mapping[str, Any]],
        *,
        facets: Sequence[str] | None = None,
        collection: str | None = None,
        **options: Unpack[ClassifyArguments],
    ) -> Call[ClassifyBatch]:
        """Classify several at once; arguments as of `search_batch`."""
        return _batch(self.at(collection, "classify:batch"), queries, {"facets": facets, **options})


def _turns(first: Call[Any]) -> Generator[Call[Any], Any, None]:
    """The pages of a search; the photo is sent once, its token stands for it thereafter
    unless it is searched with in parts or turns."""
    call = first
    while True:
        answer = yield call
        cursor = answer.get("next_cursor")
        if cursor is None:
            return
        token = answer.get("query_token")
        fields = call.fields or {}
        if fields and token is not None and not {"regions", "turns"} & fields.keys():
            spent = ("box", "like", "unlike")
            asked = {name: text for name, text in fields.items() if name not in spent}
            call = replace(call, json={**asked, "query_token": token}, fields=None, files=None)
        if call.json is not None:
            call = replace(call, json={**call.json, "cursor": cursor})
        else:
            call = replace(call, fields={**fields, "cursor": cursor})


def _question(
    address: str,
    picture: Picture | None,
    vector: Iterable[float] | None,
    asked: Mapping[str, Any],
) -> Call[Any]:
    reads = _reader(asked)
    if picture is not None:
        files = {"image": picture_file(picture)}
        return Call("POST", address, reads, fields=_as_texts(asked), files=files, asks=True)
    subject = {} if vector is None else {"vector": encoded(vector)}
    return Call("POST", address, reads, json={**subject, **_as_json(asked)}, asks=True)


def _batch(
    address: str, queries: Sequence[Mapping[str, Any]], asked: Mapping[str, Any]
) -> Call[Any]:
    body = {"queries": [_subject(each) for each in queries], **_as_json(asked)}
    return Call("POST", address, _reader(asked), json=body, asks=True)


def _examples(**given: Sequence[GivenExample]) -> dict[str, Any]:
    """Examples as JSON has them, where there are any."""
    for name, examples in given.items():
        if isinstance(examples, str | Mapping):
            raise TypeError(f"{name} is no list of examples: put it into a list")
    return {
        name: [_subject({"item_id": one} if isinstance(one, str) else one) for one in examples]
        for name, examples in given.items()
        if examples
    }


def _subject(query: Mapping[str, Any]) -> dict[str, Any]:
    """A query of a batch as JSON has it."""

    own = ("image", "vector", "like", "unlike")
    found = _as_json({name: each for name, each in query.items() if name not in own})
    found |= _examples(**{name: query[name] for name in own[2:] if query.get(name)})
    if query.get("image") is not None:
        found["image_base64"] = base64.b64encode(picture_bytes(query["image"])).decode()
    if query.get("vector") is not None:
        found["vector"] = encoded(query["vector"])
    return found


def _reader(asked: Mapping[str, Any]) -> Any:
    """Reads an answer; embeddings become arrays where they were asked for."""
    if not asked.get("include"):
        return in_json

    def read(response: httpx2.Response) -> Any:
        return with_arrays(response.json())

    return read


def _as_json(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {NAMES.get(name, name): _plain(name, value) for name, value in given(asked).items()}


def _as_texts(asked: Mapping[str, Any]) -> dict[str, str]:
    fields = _as_json(asked)
    for name in {"facets", "labels"} & set(fields):
        if isinstance(fields[name], list):
            fields[name] = ",".join(fields[name])
    for name in {"like", "unlike"} & set(fields):
        fields[name] = json.dumps(fields[name])
    return texts(fields)


def _plain(name: str, value: Any) -> Any:
    """An option as a request has it."""
    if name == "weights" and isinstance(value, Mapping):
        return ",".join(f"{part}={weight}" for part, weight in value.items())
    if name in ("boost", "color") and isinstance(value, Mapping):
        return json.dumps(value)
    if name == "box" and not isinstance(value, str):
        sides = value if isinstance(value, Sequence) else (value.x, value.y, value.w, value.h)
        unit = "px" if hasattr(value, "fractions") else ""  # a PixelBox
        return ",".join(f"{each}{unit}" for each in sides)
    if name in ("facets", "labels") and not isinstance(value, str):
        return list(value)
    if name == "filter" and not isinstance(value, str):
        json.dumps(value)  # a mapping of plain values, or an error that says what is none
    return value
