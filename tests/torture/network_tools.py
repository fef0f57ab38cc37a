"""What the goals of the network share: a small catalog, a server of it, questions as bytes."""

import atexit
import http.client
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from tests.api.asking import BOUNDARY, SEARCH, multipart, part
from tests.conftest import answers, copy_data, free_port
from tests.images.pictures import animated, encoded, jpeg, photo, png

READY_S = 60.0
PATIENCE_S = 60.0
SERVER = "tests.torture.network_server"


@dataclass(frozen=True, slots=True)
class Server:
    """A server in a process of its own."""

    port: int
    process: "subprocess.Popen[str]"
    data: Path

    def connect(self, receive_bytes: int = 0) -> socket.socket:
        """A new connection, with a receive buffer of a size if one is given."""
        connection = socket.socket()
        if receive_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.settimeout(PATIENCE_S)
        connection.connect(("127.0.0.1", self.port))
        return connection

    def said(self) -> str:
        """What it has written to stderr."""
        return (self.data.parent / "errors.txt").read_text()

    def sockets(self) -> int:
        """How many connections it has open, and temporary files."""
        mine, ended = f":{self.port:04X}", ("06", "0A")  # waiting for stragglers; listening
        lines = [each.split() for each in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        found = sum(
            each[1].endswith(mine) and each[3] not in ended and each[9] != "0" for each in lines
        )
        for each in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                found += os.readlink(each).endswith("(deleted)")
        return found

    def memory(self) -> int:
        """Its resident bytes, without those of decoding processes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()


@cache
def small_data() -> Path:
    """A data directory with a few items. Copy it."""
    folder = Path(tempfile.mkdtemp(prefix="eyedex-torture-"))
    atexit.register(_remove, folder)
    (folder / "pictures").mkdir()
    for number in range(8):
        (folder / "pictures" / f"{number}.jpg").write_bytes(jpeg(photo(32 + number, 24)))
    request = IndexRequest(encoder="hsv")
    index_source(open_source(folder / "pictures"), request, Settings(data=folder / "data"))
    return folder / "data"


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of the small data directory, for the block."""
    with tempfile.TemporaryDirectory(prefix="eyedex-torture-") as folder:
        yield copy_data(small_data(), Path(folder) / "data")


@contextmanager
def served(haste: float = 1.0, **environ: str) -> Iterator[Server]:
    """A server of the small catalog; it waits for clients `haste` times as long as usual."""
    with copied() as data, (data.parent / "errors.txt").open("w") as errors:
        port = free_port()
        command = [sys.executable, "-m", SERVER, str(haste), str(data), str(port)]
        settings = {f"EYEDEX_{name.upper()}": value for name, value in environ.items()}
        process = subprocess.Popen(
            command, stderr=errors, text=True, env={**os.environ, **settings}
        )
        try:
            wait_until_ready(process, port)
            yield Server(port, process, data)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(READY_S)
            process.kill()
            process.wait()


@cache
def shared_server() -> Server:
    """One for all goals that neither end nor burden it for long."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(served())


def wait_until_ready(process: "subprocess.Popen[Any]", port: int) -> None:
    """Wait until a server answers questions."""
    ends = time.monotonic() + READY_S
    while not answers(f"http://127.0.0.1:{port}/readyz"):
        if process.poll() is not None or time.monotonic() > ends:
            raise RuntimeError("the server did not start")
        time.sleep(0.05)


@cache
def pictures() -> Sequence[bytes]:
    """One of each kind."""
    plain = photo(24, 16)
    return (
        jpeg(plain),
        jpeg(plain, progressive=True),
        png(plain),
        png(plain.convert("P")),
        animated("PNG"),
        encoded(plain, "WEBP"),
        encoded(plain, "GIF"),
    )


def damaged(random: np.random.Generator, original: bytes) -> bytes:
    """Bytes with some of them changed, removed, repeated or inserted."""
    data = bytearray(original)
    for _ in range(int(random.integers(1, 6))):
        at = int(random.integers(0, len(data) + 1))
        how = int(random.integers(0, 6))
        if how <= 1:
            data[at : at + 1] = random.bytes(1)
        elif how == 2:
            data[at : at + 4] = (bytes(4), b"\xff" * 4)[int(random.integers(0, 2))]
        elif how == 3:
            data[at:at] = random.bytes(int(random.integers(1, 40)))
        elif how == 4:
            data[at:at] = data[at : at + 60]
        else:
            del data[at : at + int(random.integers(1, 200))]
        data = data or bytearray(b"\0")
    return bytes(data)


def question(picture: bytes, *lines: str) -> bytes:
    """A search with a picture, as it is sent; the connection stays open."""
    return request("POST", SEARCH, form(picture), *lines)


def form(picture: bytes) -> bytes:
    """The body of a search with a picture."""
    return multipart(part("image", picture, "photo.jpg"))


def request(method: str, path: str, body: bytes, *lines: str) -> bytes:
    """A whole request with a form as its body."""
    head = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Length: {len(body)}",
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
        *lines,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def status_of(connection: socket.socket) -> int:
    """The status of the next answer, which is read to its end; 0 for none."""
    answer = http.client.HTTPResponse(connection)
    try:
        answer.begin()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0
    return answer.status


def percentile(values: Sequence[float], share: float) -> float:
    """Of some values; NaN of none."""
    found: NDArray[np.float64] = np.asarray(values, np.float64)
    return float(np.percentile(found, share)) if len(found) else float("nan")
