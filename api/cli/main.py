"""Entry point: verbs, signals, and errors as exit codes.

Nothing heavy is imported before a verb needs it.
"""

import os
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

import typer

from api.cli.exits import Exit, exit_code, report_error
from api.cli.terminal.streams import abandon, open_missing, show_controls
from api.cli.usage import usage_error
from api.cli.verbs import GROUPS, VERBS, command_of
from search_engine import interruptions
from search_engine.errors import EyedexError, StorageError

UsageProblem: type[Exception] = typer.BadParameter.__mro__[1]
"""typer's own class of usage errors, which it does not export."""


def main() -> None:
    """Run the command line; every way out has its code (`api.cli.exits`)."""
    open_missing()
    show_controls()
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    try:
        code = command_of(*_wanted())(prog_name="eyedex", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code)
    except UsageProblem as error:
        _report_usage(error)
        sys.exit(Exit.USAGE)
    except EyedexError as error:
        _end(error)
    except OSError as error:
        abandon()
        if isinstance(error, BrokenPipeError):
            sys.exit(Exit.PIPE_CLOSED)
        where = os.fsdecode(error.filename) if error.filename else "standard output"
        _end(StorageError(error.strerror or str(error), where=where))
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer makes 1 of it
            abandon()
            sys.exit(Exit.PIPE_CLOSED)
        raise


def _wanted() -> list[str]:
    """The verb that is called; none where all have to be known, to be listed or told from it."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    return [name for name in words[:1] if name in VERBS or name in GROUPS]


def _end(error: EyedexError) -> NoReturn:
    report_error(error, as_json="--json" in sys.argv)
    sys.exit(exit_code(error))


def _report_usage(error: Any) -> None:
    """What is wrong with the call; one without a verb gets the list of them."""
    said = str(error.format_message())
    if said.startswith("Usage:"):
        print(said, file=sys.stderr)
    else:
        report_error(usage_error(error), as_json="--json" in sys.argv)


def _stop(number: int, _frame: FrameType | None) -> None:
    interruptions.held.end(Exit.INTERRUPTED if number == signal.SIGINT else Exit.TERMINATED)


if __name__ == "__main__":
    main()
