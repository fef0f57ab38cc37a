"""The open collections of an engine, and how one whose encoder changed is replaced.

Such a collection is opened again, network and index included, while the old one answers queries
with the former encoder, whose embeddings are kept. When the new one is ready, all queries move to
it at once. If it cannot be opened, for example because its weights are missing here, the old one
goes on answering, the log says why, and opening is tried again.
"""

import logging
import threading
import time

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.config import Settings
from search_engine.errors import CollectionNotFoundError, EngineClosedError, EyedexError

log = logging.getLogger(__name__)

TAKE_OVER_WAIT_S = 2.0
"""How long after the change was noticed queries may wait for the new encoder."""
RETRY_S = 30.0


class OpenCollections:
    """Collections by name, opened on first use. Thread-safe."""

    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self._catalog = catalog
        self._settings = settings
        self._lock = threading.Lock()
        self._open: dict[str, LiveCollection] = {}
        self._successors: dict[str, _Successor] = {}

    def get(self, name: str) -> LiveCollection:
        """Return the collection, still by its former encoder while the new one is being opened.

        Raises:
            CollectionNotFoundError: There is none of that name.
        """
        record = self._catalog.collection(name)
        with self._lock:
            known = self._open.get(name)
            if known is None or not _answers_for_former(known, record):
                return self._settle(name, known, record)
            successor, wait_until = self._successor(name, record)
        successor.done.wait(max(0.0, wait_until - time.monotonic()))
        return self._taken_over(name, successor)

    def newest(self, name: str) -> LiveCollection:
        """Do the same as `get`, but wait for the current encoder, however long that takes.

        Raises:
            CollectionNotFoundError: There is none of that name.
            EyedexError: The encoder cannot be opened here.
        """
        while True:
            live = self.get(name)
            if live.record.fingerprint == self._catalog.collection(name).fingerprint:
                return live
            with self._lock:
                successor = self._successors.get(name)
            if successor is not None:
                successor.done.wait()
                if successor.error is not None:
                    raise successor.error

    def reopen(self, name: str) -> None:
        """Open a collection again on its next use, however long that takes."""
        with self._lock:
            self._open.pop(name, None)
            self._successors.pop(name, None)

    def retire(self, name: str) -> None:
        """Stop background builds for a collection that is about to be deleted."""
        with self._lock:
            known = self._open.pop(name, None)
            self._successors.pop(name, None)
        if known is not None:
            known.retired.set()

    def _settle(
        self, name: str, known: LiveCollection | None, record: Collection
    ) -> LiveCollection:
        """Return the collection with the encoder that the catalog names."""
        self._successors.pop(name, None)
        if known is None or known.record.uid != record.uid or _has_changed(known, record):
            known = self._open[name] = LiveCollection(self._catalog, record, self._settings)
        else:
            known.record = record  # settings may be others
        return known

    def _successor(self, name: str, record: Collection) -> "tuple[_Successor, float]":
        """Return the replacement that is being opened, and until when to wait for it."""
        now = time.monotonic()
        known = self._successors.get(name)
        if known is None or known.live.record.fingerprint != record.fingerprint:
            known = self._start(name, record, now + TAKE_OVER_WAIT_S)
        elif known.error is not None and now > known.started + RETRY_S:
            known = self._start(name, record, now)
        return known, known.wait_until

    def _start(self, name: str, record: Collection, wait_until: float) -> "_Successor":
        live = LiveCollection(self._catalog, record, self._settings)
        made = self._successors[name] = _Successor(live, wait_until)
        threading.Thread(target=made.open, name=f"open {name}", daemon=True).start()
        return made

    def _taken_over(self, name: str, successor: "_Successor") -> LiveCollection:
        with self._lock:
            if successor.is_open and self._successors.get(name) is successor:
                del self._successors[name]
                self._open[name] = successor.live
            known = self._open.get(name)
        return known or self.get(name)


class _Successor:
    """A collection with its new encoder while it is being opened.

    `done` is set when opening has ended; `error` is why it failed.
    """

    def __init__(self, live: LiveCollection, wait_until: float) -> None:
        self.live = live
        self.wait_until = wait_until
        self.started = time.monotonic()
        self.done = threading.Event()
        self.error: Exception | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can answer queries."""
        return self.done.is_set() and self.error is None

    def open(self) -> None:
        """Load the encoder and the index."""
        try:
            self.live.encoder()
            self.live.snapshot()
        except (CollectionNotFoundError, EngineClosedError) as error:
            self.error = error  # nothing to replace any more
        except Exception as error:  # noqa: BLE001 - libraries of networks raise anything
            self.error = error
            log.error(
                "collection %s has encoder %s now, which cannot be opened here, so the former one "
                "answers on: %s",
                self.live.record.name,
                self.live.record.encoder,
                error if isinstance(error, EyedexError) else repr(error),
            )
        finally:
            self.done.set()


def _answers_for_former(known: LiveCollection, record: Collection) -> bool:
    """Return whether a collection answers by an encoder that is not its own any more."""
    same = known.record.uid == record.uid
    return same and known.is_open and _has_changed(known, record)


def _has_changed(known: LiveCollection, record: Collection) -> bool:
    """Return whether the encoder of a collection has changed since it was opened."""
    return known.record.fingerprint not in (None, record.fingerprint)
