"""Errors as exit codes and one line of text (or JSON) on stderr."""

import json
import sys
from enum import IntEnum

from search_engine import errors


class Exit(IntEnum):
    """What the exit codes mean; 128 + N follows signal N."""

    OK = 0
    BUG = 1
    USAGE = 2
    CATALOG_UNUSABLE = 3
    SOME_REJECTED = 4
    STORAGE = 5
    LOCK_HELD = 6
    MODEL_MISMATCH = 7
    BELOW_BAR = 8
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    TERMINATED = 143


_BY_CAUSE: dict[type[errors.EyedexError], Exit] = {
    errors.MissingPictureError: Exit.USAGE,
    errors.ImageError: Exit.SOME_REJECTED,
    errors.WorkerLostError: Exit.SOME_REJECTED,
    errors.InputError: Exit.USAGE,
    errors.SourceError: Exit.CATALOG_UNUSABLE,
    errors.StorageError: Exit.STORAGE,
    errors.ForkError: Exit.STORAGE,
    errors.LockHeldError: Exit.LOCK_HELD,
    errors.UnknownEncoderError: Exit.USAGE,
    errors.EncoderError: Exit.MODEL_MISMATCH,
}


def exit_code(error: errors.EyedexError) -> Exit:
    """The exit code of an error, by the nearest of its classes."""
    for kind in type(error).__mro__:
        if kind in _BY_CAUSE:
            return _BY_CAUSE[kind]
    return Exit.BUG


def report_error(error: errors.EyedexError, as_json: bool) -> None:
    """`error: <code>: <what> (<where>); <how to fix>`, or the same as one JSON object."""
    if as_json:
        details = {"where": error.where, "fix": error.fix}
        body = {"code": error.code, "message": error.what, "details": details}
        print(json.dumps(body), file=sys.stderr)
    else:
        print(f"error: {error.code}: {' '.join(str(error).split())}", file=sys.stderr)
