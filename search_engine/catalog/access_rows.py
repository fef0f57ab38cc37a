"""Access keys as they are kept: never the secret, only what recognises it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from search_engine.access import SCOPES, Grant, Scope
from search_engine.catalog.row_checksums import damaged_rows, seal_rows
from search_engine.catalog.tables import access_keys
from search_engine.catalog.writer import CatalogWriter


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key; times are seconds since 1970.

    `digest` is the SHA-256 of the secret, empty where what is stored is none. `collections` is None
    for all. What cannot be read of a damaged row makes a key that may do nothing.
    """

    id: str
    name: str
    scope: str
    digest: bytes
    collections: tuple[str, ...] | None
    created: float
    expires: float | None = None
    revoked: float | None = None
    last_used: float | None = None
    is_damaged: bool = False

    @property
    def grant(self) -> Grant | None:
        """What it may do while it is valid."""
        if self.is_damaged or self.scope not in SCOPES:
            return None
        scope: Scope = SCOPES[SCOPES.index(self.scope)]
        only = None if self.collections is None else frozenset(self.collections)
        return Grant(scope, only)

    def is_valid(self, now: float) -> bool:
        """Whether it is sound, and was neither revoked nor has expired."""
        if self.is_damaged:
            return False
        return self.revoked is None and (self.expires is None or now < self.expires)


def access_keys_in(connection: Connection) -> list[AccessKey]:
    """All keys, the newest first; also those that are not valid any more."""
    damaged = {key_id for (key_id,) in damaged_rows(connection, access_keys)}
    rows = connection.execute(select(access_keys).order_by(access_keys.c.created.desc()))
    return [
        AccessKey(
            id=row.id,
            name=row.name,
            scope=row.scope,
            digest=_digest(row.digest),
            collections=_collections(row.collections),
            created=row.created,
            expires=row.expires,
            revoked=row.revoked,
            last_used=row.last_used,
            is_damaged=row.id in damaged,
        )
        for row in rows
    ]


def add_access_key(writer: CatalogWriter, key: AccessKey) -> None:
    """Keep a new key."""
    only = None if key.collections is None else json.dumps(list(key.collections))
    values = {
        "id": key.id,
        "name": key.name,
        "scope": key.scope,
        "digest": key.digest.hex(),
        "collections": only,
        "created": key.created,
        "expires": key.expires,
    }
    writer.connection.execute(insert(access_keys).values(values))
    seal_rows(writer.connection, access_keys, access_keys.c.id == key.id)


def revoke_access_key(writer: CatalogWriter, key_id: str, now: float) -> bool:
    """Let a key be valid no more; says whether it was not revoked before."""
    this = (access_keys.c.id == key_id) & access_keys.c.revoked.is_(None)
    done = writer.connection.execute(update(access_keys).where(this).values(revoked=now))
    seal_rows(writer.connection, access_keys, access_keys.c.id == key_id)
    return done.rowcount > 0


def note_use(writer: CatalogWriter, used: Mapping[str, float]) -> None:
    """Record when keys were used last."""
    for key_id, moment in used.items():
        this = access_keys.c.id == key_id
        writer.connection.execute(update(access_keys).where(this).values(last_used=moment))


def _digest(stored: str) -> bytes:
    try:
        return bytes.fromhex(stored)
    except ValueError:
        return b""


def _collections(stored: str | None) -> tuple[str, ...] | None:
    """Of a damaged list none: a key must not grow by damage."""
    if stored is None:
        return None
    try:
        found = json.loads(stored)
    except ValueError:
        return ()
    return tuple(str(each) for each in found) if isinstance(found, list) else ()
