"""A server of pictures on this machine that can misbehave in many ways."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.cli.conftest import colour_picture

PICTURE = colour_picture(1)
TOO_MANY_BYTES = 20_001


@dataclass
class Shop:
    """A server on this machine; `asked` are the paths that it was asked for, `pictures` its own."""

    port: int
    asked: list[str] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"


class Handler(BaseHTTPRequestHandler):
    """Answers by the path: `ok`, `404`, `slow`, ..."""

    protocol_version = "HTTP/1.1"
    shop: Shop

    def do_GET(self) -> None:
        path = self.path.strip("/")
        self.shop.asked.append(path)
        answer: Callable[[], None] | None = getattr(self, f"answer_{path}", None)
        if answer is not None:
            answer()
        elif path in self.shop.pictures:
            self.picture(self.shop.pictures[path], f'"{hash(self.shop.pictures[path])}"')
        elif path.isdecimal():
            self.plain(int(path), b"no")
        else:
            self.plain(404, b"no")

    def picture(self, data: bytes, etag: str) -> None:
        if self.headers.get("If-None-Match") == etag:
            self.plain(304, b"")
        else:
            self.plain(200, data, "image/png", etag=etag)

    def plain(self, status: int, body: bytes, kind: str = "text/html", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def answer_busy_once(self) -> None:
        if self.shop.asked.count("busy_once") == 1:
            self.plain(503, b"", Retry_After="0")
        else:
            self.plain(200, PICTURE, "image/png")

    def answer_page(self) -> None:
        self.plain(200, b"<html>", "text/html; charset=utf-8")

    def answer_unnamed(self) -> None:
        self.plain(200, PICTURE, "application/octet-stream")

    def answer_large(self) -> None:
        self.plain(200, bytes(TOO_MANY_BYTES), "image/png")

    def answer_endless(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for _ in range(10_000):
                self.wfile.write(b"400\r\n" + bytes(1024) + b"\r\n")
        except OSError:
            self.close_connection = True

    def answer_packed(self) -> None:
        body = gzip.compress(bytes(10**7))
        self.plain(200, body, "image/png", Content_Encoding="gzip")

    def answer_drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.drip()

    def answer_dripping_head(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        self.drip(b"X")

    def drip(self, byte: bytes = b"\x00") -> None:
        self.close_connection = True
        try:
            for _ in range(600):
                self.wfile.write(byte)
                self.wfile.flush()
                time.sleep(0.1)
        except OSError:
            return

    def answer_half(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(PICTURE)))
        self.end_headers()
        self.wfile.write(PICTURE[:50])
        self.close_connection = True

    def answer_to_ok(self) -> None:
        self.plain(302, b"", Location="/ok")

    def answer_to_itself(self) -> None:
        self.plain(302, b"", Location="/to_itself")

    def answer_to_metadata(self) -> None:
        self.plain(302, b"", Location="http://169.254.169.254/latest/")

    def answer_to_file(self) -> None:
        self.plain(302, b"", Location="file:///etc/passwd")

    def answer_to_elsewhere(self) -> None:
        self.plain(302, b"", Location="http://localhost:1/")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    """Says nothing when somebody goes away before an answer is sent."""

    def handle_error(self, request: object, client_address: object) -> None:
        """See the class."""


@contextmanager
def shop_server() -> Iterator[Shop]:
    """The server, as long as the block lasts."""
    handler = type("OfThisTest", (Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    handler.shop = shop = Shop(server.server_port, pictures={"ok": PICTURE})  # type: ignore[attr-defined]
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    yield shop
    server.shutdown()
    server.server_close()
    thread.join()
