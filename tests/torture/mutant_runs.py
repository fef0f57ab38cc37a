"""A plugin of pytest that runs the tests of a module once for each of its mutants.

Tests are loaded once. Each mutant is put to them in a forked process, where its functions take the
place of the right ones; processes that tests start read it from the disk. The tests that run its
line come first, and the first that fails ends the matter, so that most take a fraction of a second.
"""

import gc
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import coverage
import pytest
from _pytest.runner import runtestprotocol

ASKED = "MUTANTS_ASKED"
"""Names a file with the module, the lines and texts of its mutants, and where to write which of
them were noticed."""
A_RUN_S = 900.0
SLOWER, ROOM_S = 3, 20.0
"""A run that takes longer than so many times the one without a mistake, and so much more, hangs."""
POLL_S = 0.02
NOTICED, UNNOTICED, NOT_TO_BE_PUT = 1, 0, 3


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Put every mutant to the tests, instead of running them as they are."""
    asked = json.loads(Path(os.environ[ASKED]).read_text())
    file, found = Path(asked["file"]), Path(asked["found"])
    session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    lines = found.with_suffix(".lines")
    started = time.monotonic()
    if _in_child(partial(_note_lines, session.items, file, lines), A_RUN_S) != UNNOTICED:
        failed = lines.read_text() if lines.exists() else "they do not come to an end"
        raise RuntimeError(f"tests of {file} fail without a mistake in it: {failed}")
    limit_s = SLOWER * (time.monotonic() - started) + ROOM_S
    tests_of = json.loads(lines.read_text())
    right = file.read_text()
    noticed = []
    for mutant in asked["mutants"]:
        first = set(tests_of.get(str(mutant["line"]), ()))
        items = sorted(session.items, key=lambda item: item.nodeid not in first)
        file.write_text(mutant["text"])
        try:
            code = _in_child(partial(_put, mutant["text"], file, items), limit_s)
        finally:
            file.write_text(right)
        noticed.append(None if code == NOT_TO_BE_PUT else code != UNNOTICED)
        found.write_text(json.dumps(noticed))
    return True


def _in_child(do: Callable[[], int], limit_s: float) -> int:
    """What a forked process makes of it; NOTICED where it does not come to an end."""
    child = os.fork()
    if child == 0:
        code = NOTICED
        try:
            os.setsid()
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (1, 2):
                os.dup2(nowhere, stream)
            code = do()
        finally:
            os._exit(code)
    ends = time.monotonic() + limit_s
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > ends:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return NOTICED
        time.sleep(POLL_S)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what its tests have left
    code = os.waitstatus_to_exitcode(ended[1])
    return code if code >= 0 else NOTICED


def _put(text: str, file: Path, items: Sequence[pytest.Item]) -> int:
    """Run tests with the functions of a mutant, until one fails."""
    if not _replace_functions(compile(text, str(file), "exec"), file):
        return NOT_TO_BE_PUT
    return NOTICED if any(_fails(items)) else UNNOTICED


def _fails(items: Sequence[pytest.Item]) -> Iterator[bool]:
    for item, after in zip(items, [*items[1:], None], strict=True):
        yield any(report.failed for report in runtestprotocol(item, log=False, nextitem=after))


def _replace_functions(module: CodeType, file: Path) -> bool:
    """Let all functions of a file do what those of the mutant do; False if none differs."""
    new = {code.co_qualname: code for code in _codes(module)}
    gc.unfreeze()
    changed = False
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename == str(file):
            code = new.get(each.__code__.co_qualname)
            if code is not None and _without_lines(code) != _without_lines(each.__code__):
                each.__code__ = code
                changed = True
    return changed


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)


def _without_lines(code: CodeType) -> Any:
    """What a function does, wherever its text stands."""
    inner = tuple(
        _without_lines(each) if isinstance(each, CodeType) else (type(each), each)
        for each in code.co_consts
    )
    return code.co_code, inner, code.co_names, code.co_varnames


def _note_lines(items: Sequence[pytest.Item], file: Path, target: Path) -> int:
    """Note which tests run which lines of a file; NOTICED if one of them fails."""
    measured = coverage.Coverage(data_file=None, include=[str(file)])
    measured.start()
    failed = []
    for item, after in zip(items, [*items[1:], None], strict=True):
        measured.switch_context(item.nodeid)
        reports = runtestprotocol(item, log=False, nextitem=after)
        failed += [f"{item.nodeid} {each.longrepr}"[-500:] for each in reports if each.failed]
    measured.stop()
    found = failed or measured.get_data().contexts_by_lineno(str(file))
    target.write_text(json.dumps(found))
    return NOTICED if failed else UNNOTICED
