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
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

# Not pyarrow, which starts a thread, nor scikit-learn, which few commands need and takes a second.
LOADED = (
    "api.cli.catalog.exchange",
    "api.cli.catalog.index",
    "api.cli.catalog.indexing",
    "api.cli.catalog.maintenance",
    "api.cli.encoders.switch",
    "api.cli.main",
    "api.cli.recording",
    "cv2",
    "email.parser",
    "indexer.change.switch",
    "indexer.change.tune",
    "indexer.exchange.exporting",
    "indexer.exchange.importing",
    "indexer.opened_source",
    "indexer.run",
    "multiprocessing.sharedctypes",
    "search_engine.maintenance.check",
    "search_engine.encoders.classic",
    "search_engine.maintenance.restore",
    "search_engine.maintenance.snapshot",
)


def run_forked(
    arguments: list[str], env: dict[str, str], file_limit: int | None = None, preload: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run a command and wait for it.

    `file_limit` is how many bytes a file of it may have, `preload` a library to load first.
    """
    (done,) = run_together([(arguments, env)], file_limit, preload)
    return done


def run_together(
    commands: Sequence[tuple[list[str], dict[str, str]]],
    file_limit: int | None = None,
    preload: str = "",
) -> "list[subprocess.CompletedProcess[str]]":
    """Run commands, each with its environment, that begin at once, and wait for all of them."""
    forker = _forker(preload)
    assert forker.stdin is not None
    assert forker.stdout is not None
    with ExitStack() as stack:
        made = tempfile.TemporaryDirectory
        folders = [stack.enter_context(made(prefix="eyedex-test-")) for _ in commands]
        asked = [
            {
                "arguments": arguments,
                "env": env,
                "folder": folder,
                "cwd": os.getcwd(),
                "file_limit": file_limit,
            }
            for (arguments, env), folder in zip(commands, folders, strict=True)
        ]
        print(json.dumps(asked), file=forker.stdin, flush=True)
        codes = json.loads(forker.stdout.readline())
        return [
            subprocess.CompletedProcess(
                arguments, code, *((Path(folder) / name).read_text() for name in ("out", "err"))
            )
            for (arguments, _), folder, code in zip(commands, folders, codes, strict=True)
        ]


@cache
def _forker(preload: str) -> "subprocess.Popen[str]":
    """The process that has everything loaded; it ends with this one."""
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # else it has threads when it is loaded
    forker = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.forking"],
        cwd=Path(__file__).parents[2],
        env={**env, "LD_PRELOAD": preload} if preload else env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(_end, forker)
    return forker


def _end(forker: "subprocess.Popen[str]") -> None:
    with forker:
        pass


exit_codes = [0]
"""What this process exits with: the last of them."""


def _serve() -> None:
    """Fork for every line on stdin; the child runs the command that the line tells."""
    if "LD_PRELOAD" not in os.environ:  # a library may have something to do at the end
        atexit.register(_leave)  # the first, so that it runs after all others
    for name in LOADED:
        import_module(name)
    gc.freeze()  # else the first collection of every child copies all that was loaded
    for line in sys.stdin:
        children = []
        for asked in json.loads(line):
            child = os.fork()
            if child == 0:
                _become(asked)
                return
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(each, 0)[1]) for each in children]
        print(json.dumps(codes), flush=True)


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
    exit_codes.append(1)  # of a traceback
    try:
        main()
    except SystemExit as ended:
        exit_codes.append(int(ended.code or 0))
        raise


def _leave() -> None:
    """Exit without taking down all that was loaded, which copies it and takes a fifth of a second.

    What a program does at its exit is done by now.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_codes[-1])


if __name__ == "__main__":
    _serve()
