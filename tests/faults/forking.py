"""The command line in processes of its own that need not load the program first.

One process loads all of it, runs no threads, and is forked for every command: each is a process
that can be killed like any other, but begins in milliseconds instead of a second.
"""

import atexit
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

# Not pyarrow, which starts a thread, nor scikit-learn, which few commands need and takes a second.
LOADED = (
    "api.cli.main",
    "cv2",
    "indexer.change.switch",
    "indexer.exchange.exporting",
    "indexer.exchange.importing",
    "indexer.run",
    "indexer.change.tune",
    "search_engine.maintenance.check",
    "search_engine.encoders.classic",
    "search_engine.maintenance.restore",
    "search_engine.maintenance.snapshot",
)


def run_forked(
    arguments: list[str], env: dict[str, str], file_limit: int | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command and wait for it; `file_limit` is how many bytes a file of it may have."""
    forker = _forker()
    assert forker.stdin is not None
    assert forker.stdout is not None
    with tempfile.TemporaryDirectory(prefix="eyedex-test-") as folder:
        asked = {"arguments": arguments, "env": env, "folder": folder, "cwd": os.getcwd()}
        print(json.dumps({**asked, "file_limit": file_limit}), file=forker.stdin, flush=True)
        code = int(forker.stdout.readline())
        out, err = ((Path(folder) / name).read_text() for name in ("out", "err"))
    return subprocess.CompletedProcess(arguments, code, out, err)


@cache
def _forker() -> "subprocess.Popen[str]":
    """The process that has everything loaded; it ends with this one."""
    forker = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.forking"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # else it has threads when it is loaded
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(_end, forker)
    return forker


def _end(forker: "subprocess.Popen[str]") -> None:
    with forker:
        pass


def _serve() -> None:
    """Fork for every line on stdin; the child runs the command that the line tells."""
    for name in LOADED:
        import_module(name)
    gc.freeze()  # else the first collection of every child copies all that was loaded
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
            return
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(asked: dict[str, Any]) -> None:
    from api.cli.main import main

    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    for number, name in enumerate((os.devnull, "out", "err")):
        flags = os.O_RDWR | os.O_CREAT
        opened = os.open(Path(asked["folder"], name), flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    if asked["file_limit"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["file_limit"],) * 2)
    sys.argv = ["eyedex", *asked["arguments"]]
    main()


if __name__ == "__main__":
    _serve()
