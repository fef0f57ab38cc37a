"""Signals that end a command wait while the catalog is written.

A handler that raises may do so between any two instructions, also where a transaction has begun and
the block that would end it has not, and then nothing ends it. So a handler calls `held.end`, and
what must not be torn stands in `with held:`.
"""

import sys
import threading


class _Held:
    """Blocks of the main thread, where Python runs its handlers, that end before the process."""

    def __init__(self) -> None:
        self._depth = 0
        self._code: int | None = None

    def __enter__(self) -> None:
        if _is_main_thread():
            self._depth += 1

    def __exit__(self, *_: object) -> None:
        if _is_main_thread():
            self._depth -= 1
            if self._depth == 0:
                self.end_if_told()

    def end(self, code: int) -> None:
        """Exit with a code: now, or when the outermost block is left."""
        self._code = code
        if self._depth == 0:
            self.end_if_told()

    def end_if_told(self) -> None:
        """Exit where a signal said so, within a block too; for who only waits there."""
        if _is_main_thread() and self._code is not None:
            code, self._code = self._code, None
            sys.exit(code)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


held = _Held()
