"""Who may do what over HTTP: grants, and the tokens that show a key.

A token is `eyedex_<id>_<secret>`. The secret has 256 random bits, so a plain SHA-256 of it cannot
be turned back by guessing; slow hashes are for passwords, which people choose.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Each includes those before it: `read` searches and looks, `write` changes items and runs jobs on
them, `admin` makes and deletes collections, changes how they answer, and takes snapshots."""

ID_BYTES, SECRET_BYTES = 4, 32

_TOKEN = re.compile(r"eyedex_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a request may do; `collections` is None for all of them, those to come included."""

    scope: Scope
    collections: frozenset[str] | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether this scope is included."""
        return SCOPES.index(scope) <= SCOPES.index(self.scope)

    def covers(self, collection: str) -> bool:
        """Whether a collection is among those that this is about."""
        return self.collections is None or collection in self.collections


ANYTHING = Grant("admin")
"""What everyone may do where no key was ever made."""


class Token(NamedTuple):
    """A token in its parts."""

    key_id: str
    secret: str

    def __str__(self) -> str:
        return f"eyedex_{self.key_id}_{self.secret}"

    @property
    def digest(self) -> bytes:
        """SHA-256 of the secret, 32 bytes."""
        return hashlib.sha256(self.secret.encode()).digest()


def new_token() -> Token:
    """A token that nobody has."""
    return Token(secrets.token_hex(ID_BYTES), secrets.token_urlsafe(SECRET_BYTES))


def parse_token(text: str) -> Token | None:
    """The parts of a token; None for any other text."""
    found = _TOKEN.fullmatch(text)
    return None if found is None else Token(*found.groups())
