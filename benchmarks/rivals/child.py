"""Each engine in a process of its own: its memory can be told, and all can take turns.

The processes wait at their pipes; only the one that is asked works. They import what their engine
needs and nothing of the program that asks, which `multiprocessing` would make them do.

python -m benchmarks.rivals.child FD CORES: the life of a child, started by `Child` only.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "LANCE_CPU_THREADS",
)
CLOSING_S = 120.0


class EngineFailedError(Exception):
    """An engine raised, or its process died; the message says what happened."""


class Child:
    """An object in a process of its own, asked over a pipe, one question at a time."""

    def __init__(self, make: Callable[[], Any], threads: int) -> None:
        """Start the process and make the object in it.

        Args:
            make: Makes the object; must be picklable. The object has a method `close`.
            threads: The process is bound to that many cores, and libraries are told the number.

        Raises:
            EngineFailedError: It could not be made.
        """
        self._pipe, theirs = Pipe()
        number = str(theirs.fileno())
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, number, str(threads)],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                **dict.fromkeys(THREAD_VARIABLES, str(threads)),
            },
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        try:
            self._pipe.send(make)
            self._receive()
        except (EngineFailedError, OSError):
            self.close()
            raise

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the object and wait for its answer.

        Raises:
            EngineFailedError: It raised, or the process died.
        """
        try:
            self._pipe.send((method, arguments))
        except OSError:
            raise EngineFailedError(self._obituary()) from None
        return self._receive()

    def close(self) -> None:
        """Let the object close and the process end, by force if it takes too long."""
        if self._pipe.closed:
            return
        with suppress(OSError):  # it may be gone already
            self._pipe.send(None)
        self._end()
        self._pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _receive(self) -> Any:
        try:
            answer, failure = self._pipe.recv()
        except (EOFError, OSError):
            raise EngineFailedError(self._obituary()) from None
        if failure is not None:
            raise EngineFailedError(failure)
        return answer

    def _obituary(self) -> str:
        return f"the process died with exit code {self._end()}"

    def _end(self) -> int:
        """Wait for the end of the process; its exit code."""
        try:
            return self._process.wait(CLOSING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def serve(pipe: Connection) -> None:
    """Make the object that is asked for, answer questions until there are no more, and close it."""
    made, failure = _answer(pipe.recv(), ())
    pipe.send((None, failure))
    if failure is not None:
        return
    while (question := _next(pipe)) is not None:
        method, arguments = question
        pipe.send(_answer(getattr(made, method), arguments))
    made.close()


def _answer(call: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, str | None]:
    """What it returns and None, or None and how it failed."""
    try:
        return call(*arguments), None
    except Exception as error:  # noqa: BLE001 - told to whoever asked
        return None, f"{type(error).__name__}: {error}"


def _next(pipe: Connection) -> tuple[str, tuple[Any, ...]] | None:
    """The next question; None when there are no more, or nobody is left to ask."""
    try:
        question: tuple[str, tuple[Any, ...]] | None = pipe.recv()
    except EOFError:
        return None
    return question


def _bind(cores: int) -> None:
    """To the first of the cores we may use: it holds for every library, whatever it reads."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


if __name__ == "__main__":
    os.dup2(2, 1)  # the standard output is for the figures, whatever libraries print
    _bind(int(sys.argv[2]))
    with Connection(int(sys.argv[1])) as asked:
        serve(asked)
