"""Milvus Lite's server in a process of its own, for tests and benchmarks."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from search_engine.errors import IndexUnavailableError
from search_engine.indexes.remote.milvus import MilvusServer

STARTS_WITHIN_S = 60


class MilvusLite:
    """Milvus Lite's server, which can be killed, stopped and started again on its data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers."""
        if self._process is not None and self._process.poll() is None:
            return
        program = [sys.executable, "-m", "milvus_lite", "server"]
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*program, "--data-dir", self._folder / "data", *where],
                stdout=log,
                stderr=log,
            )
        server, ends = MilvusServer(self.uri), time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                server.count("none")
                return
            except IndexUnavailableError:
                assert time.monotonic() < ends, (self._folder / "log").read_text()
                assert self._process.poll() is None, (self._folder / "log").read_text()
                time.sleep(0.2)

    def kill(self) -> None:
        """End it as power loss would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def hang(self) -> None:
        """Let it take connections and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        state = Path(f"/proc/{self._process.pid}/stat")
        while not state.read_text().rpartition(")")[2].startswith(" T"):
            time.sleep(0.01)  # a busy machine takes its time to stop the last thread

    def go_on(self) -> None:
        """Let it answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
