"""The keys of a data directory as a server needs them: in memory, a second old at most."""

import hmac
import logging
import threading
import time
from collections.abc import Mapping

from search_engine.access import ANYTHING, Grant, parse_token
from search_engine.catalog.access_rows import AccessKey, access_keys_in, note_use
from search_engine.catalog.store import Catalog
from search_engine.errors import EyedexError

log = logging.getLogger(__name__)

FRESH_S = 1.0
"""So long a key that was revoked elsewhere may still be taken."""
SOON_S = 0.05
"""So soon keys are read again for one that is not among them: it may be new."""
NOTE_USE_S = 60.0
"""Least time between two records of the use of keys."""
_NO_DIGEST = bytes(32)


class Keyring:
    """Which token may do what. Thread-safe.

    Where no key was ever made, everyone may do anything. After the first one, only `anonymous` may
    be done without, which is None for nothing.
    """

    def __init__(self, catalog: Catalog, anonymous: Grant | None = None) -> None:
        self._catalog = catalog
        self._anonymous = anonymous
        self._lock = threading.Lock()
        self._keys: Mapping[str, AccessKey] = {}
        self._read = float("-inf")
        self._used: dict[str, float] = {}
        self._noted = time.monotonic()

    def is_fresh(self, token: str | None = None) -> bool:
        """Whether a question with this token is answered from memory alone."""
        parsed = None if token is None else parse_token(token)
        is_known = parsed is None or parsed.key_id in self._keys
        return time.monotonic() < self._read + (FRESH_S if is_known else SOON_S)

    def refresh(self, token: str | None = None) -> None:
        """Read the keys again if it is time for a question with this token.

        Raises:
            StorageError: The catalog cannot be read.
        """
        with self._lock:
            if self.is_fresh(token):
                return
            with self._catalog.read() as connection:
                self._keys = {each.id: each for each in access_keys_in(connection)}
            self._read = time.monotonic()
        if time.monotonic() > self._noted + NOTE_USE_S:
            self.note_use()

    def has_keys(self) -> bool:
        """Whether a key was ever made.

        Raises:
            StorageError: The catalog cannot be read.
        """
        self.refresh()
        return bool(self._keys)

    @property
    def has_known_keys(self) -> bool:
        """Whether a key was ever made, as of the last reading."""
        return bool(self._keys)

    def key(self, token: str) -> AccessKey | None:
        """The valid key of a token, as of the last reading.

        How long it takes does not tell how much of a secret was right.
        """
        parsed = parse_token(token)
        key = None if parsed is None else self._keys.get(parsed.key_id)
        digest = _NO_DIGEST if parsed is None else parsed.digest
        known = _NO_DIGEST if key is None else key.digest
        if not hmac.compare_digest(digest, known) or key is None or not key.is_valid(time.time()):
            return None
        return key

    def grant(self, token: str | None) -> Grant | None:
        """What a request with this token, or with none, may do; None for nothing."""
        if not self._keys:
            return ANYTHING
        if token is None:
            return self._anonymous
        key = self.key(token)
        if key is None:
            return None
        self._used[key.id] = time.time()
        return key.grant

    def note_use(self) -> None:
        """Record when keys were used last, where anything can be recorded."""
        self._noted = time.monotonic()
        used, self._used = self._used, {}
        if not used or self._catalog.read_only:
            return
        try:
            with self._catalog.write() as writer:
                note_use(writer, used)
        except EyedexError as error:
            log.warning("the last use of keys is not recorded: %s", error)
