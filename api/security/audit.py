"""The audit log: who changed what over HTTP, when, and with which outcome, a line of JSON each.

A change is made first and noted then, before it is answered: what was acknowledged is in the log,
and what cannot be noted, on a full disk say, is said in the log of the server and was done all the
same. Neither keys nor anything that was sent is noted, but for names of collections.
"""

import fcntl
import json
import logging
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_engine.storage.durable import storage_error

log = logging.getLogger(__name__)

APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
FILE_BYTES = 10 * 2**20
KEPT_FILES = 5
"""Beside the one that is written, `audit.jsonl.1` the newest."""


@dataclass(slots=True)
class Change:
    """What a request means to change; `authorize` and routes fill it in."""

    operation: str = ""
    collection: str | None = None
    key_id: str | None = None
    key_name: str | None = None
    items: int | None = None


def note_of(request: Request) -> Change:
    """What the audit log will say of a request, for what only its body tells."""
    change: Change = request.scope.get("change") or Change()
    return change


class AuditLog:
    """A file that several processes may append to."""

    def __init__(self, path: Path, most_bytes: int = FILE_BYTES) -> None:
        self._path = path
        self._most_bytes = most_bytes

    def check(self) -> None:
        """Open the file, which makes it.

        Raises:
            StorageError: It cannot be appended to.
        """
        try:
            os.close(os.open(self._path, APPENDING, 0o600))
        except OSError as error:
            raise storage_error(error, "opening the audit log", self._path) from error

    def write(self, entry: dict[str, object]) -> None:
        """Append an entry; what goes wrong is only told."""
        line = json.dumps(entry).encode() + b"\n"
        try:
            self._append(line)
        except OSError as error:
            log.error("not in the audit log (%s): %s", error.strerror, line.decode().rstrip())

    def _append(self, line: bytes) -> None:
        while True:
            file = os.open(self._path, APPENDING, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                size, mine = os.fstat(file).st_size, os.fstat(file).st_ino
                if not self._path.exists() or self._path.stat().st_ino != mine:
                    continue  # another process has put it aside
                if size and size + len(line) > self._most_bytes:
                    self._put_aside()
                    continue
                if os.write(file, line) != len(line):
                    os.ftruncate(file, size)
                    raise OSError(0, "no space is left")
                return
            finally:
                os.close(file)

    def _put_aside(self) -> None:
        for number in range(KEPT_FILES, 0, -1):
            newer = self._path if number == 1 else self._numbered(number - 1)
            if newer.exists():
                newer.replace(self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def entries_of(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The entries of a log and of what was put aside of it, oldest first; how many are unreadable.

    A line that a full disk or an edit has cut is no entry.
    """
    aside = [path.with_name(f"{path.name}.{number}") for number in range(KEPT_FILES, 0, -1)]
    found, unreadable = [], 0
    for file in (*aside, path):
        try:
            lines = file.read_bytes().splitlines()
        except FileNotFoundError:
            continue
        for line in lines:
            entry = _read(line)
            if entry is None:
                unreadable += 1
            else:
                found.append(entry)
    return found, unreadable


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
        is_entry = isinstance(entry, dict) and datetime.fromisoformat(entry["time"]).tzinfo
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return entry if is_entry else None


class AuditMiddleware:
    """Notes each change before it is answered.

    `log` is None where nothing is noted, `only_with_keys` where nobody has a name yet.
    """

    def __init__(self, app: ASGIApp, log: AuditLog | None, only_with_keys: bool) -> None:
        self._app = app
        self._log = log
        self._only_with_keys = only_with_keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one request (the ASGI interface)."""
        if scope["type"] != "http" or self._log is None:
            await self._app(scope, receive, send)
            return
        change = scope["change"] = Change()
        is_noted = False

        async def note(status: int) -> None:
            nonlocal is_noted
            if not is_noted and change.operation and self._is_wanted(scope):
                is_noted = True
                assert self._log is not None
                await run_in_threadpool(self._log.write, _entry(scope, change, status))

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                await note(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except Exception:
            await note(500)
            raise

    def _is_wanted(self, scope: Scope) -> bool:
        has_keys: bool = scope["app"].state.keyring.has_known_keys
        return has_keys or not self._only_with_keys


def _entry(scope: Scope, change: Change, status: int) -> dict[str, object]:
    client = scope.get("client")
    return {
        "time": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds"),
        "key": change.key_id,
        "name": change.key_name,
        "address": None if client is None else client[0],
        "operation": change.operation,
        "collection": change.collection,
        "items": change.items,
        "status": status,
        "request_id": scope["request_id"],
    }
