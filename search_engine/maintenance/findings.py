"""What a check finds, with a code for those that say it in words of their own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Code = Literal[
    "access_key_damaged",
    "attributes_damaged",
    "collection_damaged",
    "collection_name",
    "database_damaged",
    "embedding_damaged",
    "embedding_missing",
    "field_damaged",
    "former_embeddings_damaged",
    "former_encoder_damaged",
    "index_damaged",
    "index_differs",
    "index_missing",
    "index_outdated",
    "index_unused",
    "items_differ",
    "learned_damaged",
    "learned_unused",
    "leftover",
    "network_damaged",
    "not_confined",
    "not_searchable",
    "overview_damaged",
    "patches_damaged",
    "patches_differ",
    "patches_missing",
    "patches_unknown",
    "photos_drifted",
    "picture_damaged",
    "picture_hash_damaged",
    "something",
    "source_damaged",
    "sqlite",
]
"""What kind of problem it is, for programs that say it in other words."""
Parameters = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem; an `error` makes the check fail.

    `parameters` names the `item`, `collection` or `file` that it is about, or the `name` of
    something else; `count` is how many where there are several.
    """

    level: Literal["error", "note"]
    where: str
    what: str
    code: Code = "something"
    parameters: Parameters = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """It in JSON, as programs are told of it."""
        return {
            "level": self.level,
            "code": self.code,
            "parameters": dict(self.parameters),
            "where": self.where,
            "what": self.what,
        }


def of_item(collection: str, item_id: str, what: str, code: Code) -> Finding:
    """An error of one item."""
    where = f"item {item_id!r} of collection {collection}"
    return Finding("error", where, what, code, {"item": item_id, "collection": collection})


def of_collection(
    level: Literal["error", "note"], name: str, what: str, code: Code, **more: int
) -> Finding:
    """What is found of a collection, or of some of its items."""
    return Finding(level, f"collection {name}", what, code, {"collection": name, **more})


def of_file(level: Literal["error", "note"], where: str, what: str, code: Code) -> Finding:
    """What is found of a file of the data directory; `where` may have the path to it."""
    return Finding(level, where, what, code, {"file": Path(where).name})
