"""A progress bar on stderr, only where there is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

Advance = Callable[[int], None]
Stage = Callable[[str, int], AbstractContextManager[Advance]]


def _nowhere(_count: int) -> None:
    pass


@contextmanager
def progress(what: str, total: int) -> Iterator[Advance]:
    """Shows count, rate and time left; gives the function that moves it on."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    from api.cli.terminal.output import console
    from api.cli.terminal.streams import show_controls

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.0f}/s" if task.speed else "", style="cyan")

    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        show_controls()  # rich has put streams of its own in place, until the end of the bar
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


@contextmanager
def resumable(what: str, total: int, also: Stage | None = None) -> Iterator[Advance]:
    """As `progress`, for work of which every committed batch stays when it is interrupted.

    Args:
        what: Is being done.
        total: Steps of it.
        also: Is told the same.
    """
    try:
        with (
            progress(what, total) as advance,
            nullcontext(_nowhere) if also is None else also(what, total) as tell,
        ):

            def both(count: int) -> None:
                advance(count)
                tell(count)

            yield both
    except SystemExit:
        print("interrupted: what was committed is safe; run again to go on", file=sys.stderr)
        raise
