"""Connections to allowed addresses only, each with a deadline."""

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import local
from typing import Any

from httpcore2 import (
    SOCKET_OPTION,
    ConnectTimeout,
    NetworkBackend,
    NetworkStream,
    ReadTimeout,
    SyncBackend,
)

from indexer.sources.addresses import AllowedHosts


class Deadline(local):
    """The time by which this thread's requests must be done, by the clock `time.monotonic`."""

    at: float = float("inf")

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Limit the total time of all reads and connections in the block."""
        self.at = time.monotonic() + seconds
        try:
            yield
        finally:
            self.at = float("inf")

    def left(self, timeout: float | None) -> float:
        """Return the seconds left for one more step."""
        left = self.at - time.monotonic()
        return left if timeout is None else min(left, timeout)


class CheckedBackend(NetworkBackend):
    """A network backend that checks every address before it connects."""

    def __init__(self, hosts: AllowedHosts, deadline: Deadline) -> None:
        self._hosts = hosts
        self._deadline = deadline
        self._backend = SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> NetworkStream:
        """See NetworkBackend.

        Raises:
            RowError: The address is not allowed, or the host does not exist.
        """
        address = self._hosts.address(host, port)
        left = self._deadline.left(timeout)
        if left <= 0:
            raise ConnectTimeout("no time is left")
        stream = self._backend.connect_tcp(address, port, left, local_address, socket_options)
        return _TimedStream(stream, self._deadline)


class _TimedStream(NetworkStream):
    """A stream that keeps the deadline even if the server sends one byte a second."""

    def __init__(self, stream: NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = self._deadline.left(timeout)
        if left <= 0:
            raise ReadTimeout("no time is left")
        return self._stream.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, max(0.01, self._deadline.left(timeout)))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> NetworkStream:
        left = max(0.01, self._deadline.left(timeout))
        stream = self._stream.start_tls(ssl_context, server_hostname, left)
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
