"""How sources are understood, kept with their collection: the next run needs no flags."""

import shlex
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from indexer.sources import Source, SourceOptions
from indexer.sources.mapping import plain_name
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.source_rows import (
    field_types,
    keep_field_types,
    keep_source_options,
    source_options,
)
from search_engine.catalog.store import Catalog
from search_engine.config import Settings
from search_engine.errors import NotFoundError

NOT_KEPT = ("columns", "known_types", "addresses", "inside")
"""Columns are kept as they were found (`known_columns`); types belong to the whole collection."""


def recalled(
    settings: Settings, collection: str, source: str, given: SourceOptions
) -> tuple[SourceOptions, bool]:
    """What is said of a source now, and for the rest what was said when it was last read.

    Returns:
        The options, and whether the source was read before.

    Args:
        settings: Of the data directory; where there is none, nothing is known.
        collection: Its name.
        source: The source's name; see `indexer.covered.name_of`.
        given: What is said now.
    """
    try:
        with Catalog(settings.paths, create=False) as catalog:
            record = catalog.collection(collection)
            with catalog.read() as connection:
                kept = source_options(connection, record, source)
                types = field_types(connection, record)
    except NotFoundError:
        return given, False
    options = replace(_merged(kept or {}, given), known_types=types)
    return options, kept is not None


def said_before(reading: SourceOptions, given: SourceOptions) -> list[str]:
    """A sentence about the flags that are not given now and hold because they were before."""
    flags = [
        flag
        for each in fields(reading)
        if each.name not in (*NOT_KEPT, "known_columns")
        and getattr(reading, each.name) != getattr(given, each.name)
        for flag in _flags(each.name, getattr(reading, each.name))
    ]
    return [f"read as it was said before: {', '.join(flags)}"] if flags else []


def remember(
    catalog: Catalog, collection: Collection, name: str, source: Source, options: SourceOptions
) -> None:
    """Keep how a source was understood, and the types that its columns gave to attributes.

    A type that was declared now and that no cell of its column fits is not kept.
    """
    said = {
        each.name: _plain(getattr(options, each.name))
        for each in fields(options)
        if each.name not in NOT_KEPT
    }
    said["known_columns"] = {**options.known_columns, **source.mapping}
    with catalog.read() as connection:
        known = field_types(connection, collection)
        kept = source_options(connection, collection, name) or {}
    before = kept.get("types") or {}
    refused = {plain_name(column) for column in source.misdeclared}
    said["types"] = {
        column: kind
        for column, kind in options.types.items()
        if plain_name(column) not in refused or before.get(column) == kind
    }
    if kept == said and source.types.items() <= known.items():
        return
    with catalog.write() as writer:
        keep_source_options(writer, collection.id, name, said)
        keep_field_types(writer, collection.id, source.types)


def _merged(kept: Mapping[str, Any], given: SourceOptions) -> SourceOptions:
    """The options given, with those kept where nothing is given; mappings name by name."""
    usual = SourceOptions()
    merged: dict[str, Any] = {}
    for each in fields(given):
        now, before = getattr(given, each.name), kept.get(each.name)
        if each.name in NOT_KEPT or before is None:
            merged[each.name] = now
        elif isinstance(now, Mapping):
            merged[each.name] = {**before, **now}
        elif isinstance(now, tuple):
            merged[each.name] = now or tuple(before)
        else:
            merged[each.name] = now if now != getattr(usual, each.name) else before
    return SourceOptions(**merged)


def _flags(name: str, value: Any) -> list[str]:
    """An option as flags of the verb: one that has several values is repeated."""
    flag = "--type" if name == "types" else f"--{name.replace('_', '-')}"
    if value is True:
        return [flag]
    if isinstance(value, Mapping):
        return [f"{flag} {shlex.quote(f'{of}={each}')}" for of, each in value.items()]
    values = value if isinstance(value, list | tuple) else [value]
    return [f"{flag} {shlex.quote(str(each))}" for each in values]


def _plain(value: Any) -> Any:
    """The value as JSON keeps it."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, list | tuple) else value
