"""A folder in an object store or on a disk, by fsspec: whole files by name, each replaced at once.

Credentials come from where the services' own tools find them: environment, profiles, roles.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from search_engine.errors import (
    CorruptDataError,
    EyedexError,
    MissingExtraError,
    ParameterError,
    StorageError,
)
from search_engine.storage.durable import replace_synced

SCHEMES = ("s3", "gs", "file", "memory")
"""`memory` is one process's own, for tests."""
CHUNK_BYTES = 2**20
PATIENCE: dict[str, dict[str, Any]] = {
    "s3": {
        "config_kwargs": {
            "connect_timeout": 5,
            "read_timeout": 30,
            "retries": {"max_attempts": 3},
        }
    },
    "gs": {"timeout": 30},
}
"""Nobody waits for ever for a store that hangs."""


class RemoteFolder:
    """A folder by its address, such as `s3://bucket/shop`. For one thread at a time."""

    def __init__(self, url: str) -> None:
        """Find out what opens it; nothing is asked of the store yet.

        Raises:
            ParameterError: There are no such addresses.
            MissingExtraError: What opens it is not installed.
        """
        self.url = url.rstrip("/")
        scheme, mark, rest = self.url.partition("://")
        if scheme not in SCHEMES or not mark or not rest.strip("/"):
            raise ParameterError(
                "this is no address of a folder to publish to or to follow",
                where=url[:200],
                fix="give s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or file:///PATH",
            )
        try:
            import fsspec

            self._system: Any = fsspec.filesystem(
                scheme,
                use_listings_cache=False,
                skip_instance_cache=scheme != "memory",
                **PATIENCE.get(scheme, {}),
            )
        except ImportError as error:
            raise MissingExtraError(
                f"{scheme}:// needs a package that is not installed",
                where=url,
                fix="pip install 'eyedex[buckets]'",
            ) from error
        self._is_local = scheme == "file"
        self._root: str = self._system._strip_protocol(self.url)

    def read(self, name: str, most_bytes: int) -> bytes | None:
        """A small file, or None if there is none.

        Raises:
            CorruptDataError: It is larger than that.
            StorageError: The store cannot be reached.
        """
        size = self.size(name)
        if size is None:
            return None
        if size > most_bytes:
            raise CorruptDataError("it is larger than it can be", where=f"{self.url}/{name}")
        with self._reached("reading", name):
            found: bytes = self._system.cat_file(self._path(name))
            return found

    def size(self, name: str) -> int | None:
        """The length of a file in bytes, or None if there is none."""
        with self._reached("looking for", name):
            try:
                return int(self._system.info(self._path(name))["size"])
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes) -> None:
        """Write a small file, or replace it: others see the one before or this one."""
        with self._reached("writing", name):
            if self._is_local:
                path = Path(self._path(name))
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_synced(path, data)
            else:
                self._system.pipe_file(self._path(name), data)

    def upload(self, source: Path, name: str) -> None:
        """Copy a file there; others see it when it is whole."""
        with self._reached("writing", name):
            target = self._path(name)
            if self._is_local:
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                self._system.put_file(str(source), f"{target}.new")
                self._system.mv(f"{target}.new", target)
            else:
                self._system.put_file(str(source), target)

    def download(self, name: str, target: Path, size_bytes: int) -> str:
        """Copy a file from there into a new one; returns its SHA-256.

        Raises:
            CorruptDataError: It is missing, or longer than that; nothing beyond is read.
            StorageError: The store cannot be reached.
        """
        digest, left = hashlib.sha256(), size_bytes
        with self._reached("reading", name), target.open("xb") as file:
            try:
                source = self._system.open(self._path(name), "rb", cache_type="readahead")
            except FileNotFoundError:
                raise CorruptDataError("it is missing", where=f"{self.url}/{name}") from None
            with source:
                while chunk := source.read(min(CHUNK_BYTES, left + 1)):
                    left -= len(chunk)
                    if left < 0:
                        raise CorruptDataError(
                            "it is longer than announced", where=f"{self.url}/{name}"
                        )
                    digest.update(chunk)
                    file.write(chunk)
        return digest.hexdigest()

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder of it."""
        with self._reached("listing", folder):
            try:
                found = self._system.ls(self._path(folder), detail=False)
            except FileNotFoundError:
                return []
            return sorted(str(each).rstrip("/").rpartition("/")[2] for each in found)

    def remove(self, name: str) -> None:
        """Delete a file, if it is there."""
        with self._reached("removing", name):
            try:
                self._system.rm_file(self._path(name))
            except FileNotFoundError:
                return

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _reached(self, doing: str, name: str) -> Iterator[None]:
        """Turn errors into one of ours: each store raises its own."""
        try:
            yield
        except EyedexError:
            raise
        except Exception as error:
            raise StorageError(
                f"failed while {doing} {name}: {type(error).__name__}: {error}"[:400],
                where=self.url,
                fix="look at the address, the credentials, and whether the store answers",
            ) from error
