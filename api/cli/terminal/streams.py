"""Standard streams as other programs leave them: closed, full, or a pipe that nobody reads.

And what may reach a terminal: names in a catalog come from anywhere, and control characters in them
would move the cursor, recolour or retitle it.
"""

import io
import os
import sys
from typing import Any, TextIO, cast

_CONTROLS = {
    code: rf"\x{code:02x}" if code < 0x100 else rf"\u{code:04x}"
    for code in (
        *(code for code in range(0x20) if chr(code) not in "\t\n"),
        *range(0x7F, 0xA0),
        *(0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)),
    )
}
"""ASCII's and Latin-1's control characters, and what breaks a line or turns its direction."""


def shown(text: str) -> str:
    """The text with control characters spelled out (`\\x1b`); ends of lines and tabs stay."""
    return text.translate(_CONTROLS)


def show_controls() -> None:
    """From now on print control characters spelled out, whatever prints them."""
    sys.stdout = _shown_on(sys.stdout)
    sys.stderr = _shown_on(sys.stderr)


def styled(stream: TextIO) -> TextIO:
    """The stream for those who write colours on purpose, and look after the texts themselves."""
    return stream.styled if isinstance(stream, _Shown) else stream


def _shown_on(stream: TextIO) -> TextIO:
    return stream if isinstance(stream, _Shown) else cast("TextIO", _Shown(stream))


class _Shown:
    """A stream on which control characters are spelled out."""

    def __init__(self, stream: TextIO) -> None:
        self.styled = stream

    def write(self, text: str) -> int:
        self.styled.write(shown(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.styled, name)


def open_missing() -> None:
    """Open what the caller closed, to nowhere.

    Else the next file that is opened, the catalog perhaps, would be the standard output of
    libraries, and printing would fail.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = _nowhere(1)
    if sys.stderr is None:
        sys.stderr = _nowhere(2)


def _nowhere(descriptor: int) -> TextIO:
    return io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False), encoding="utf-8")


def abandon() -> None:
    """Write no more: what is still buffered would fail once more at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
