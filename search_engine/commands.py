"""Commands of `eyedex` that messages recommend."""

import shlex


def calibrate_command(collection: str, target: str) -> str:
    """Return the command that calibrates a target of a collection again."""
    return _command("eyedex calibrate", collection, target)


def train_command(name: str, collection: str, target: str) -> str:
    """Return the command that trains a classifier for a target of a collection again."""
    return _command(f"eyedex train --with {name}", collection, target)


def index_command(collection: str, flags: str = "") -> str:
    """Return the command that indexes a source of a collection again."""
    return _command(f"eyedex index SOURCE{flags}", collection, "label")


def undo_command(collection: str) -> str:
    """Return the command that brings back the former encoder of a collection."""
    return _command("eyedex switch --undo", collection, "label")


def compact_command(collection: str) -> str:
    """Return the command that builds the index of a collection again where it is damaged."""
    return f"`eyedex collections compact {collection}`"


def forget_command(collection: str) -> str:
    """Return the command that deletes the former encoder of a collection."""
    return _command("eyedex switch --forget", collection, "label")


def overview_command(kind: str, collection: str, target: str) -> str:
    """Return the command that makes a list or the map of a collection."""
    return _command(f"eyedex {kind}", collection, target)


def _command(start: str, collection: str, target: str) -> str:
    """Format a command with the options that differ from their defaults."""
    options = "" if collection == "default" else f" --collection {collection}"
    if target != "label":
        options += f" --target {shlex.quote(target)}"
    return f"`{start}{options}`"
