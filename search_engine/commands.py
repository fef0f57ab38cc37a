"""Commands of `eyedex` that a message tells its reader to give."""

import shlex


def calibrate_command(collection: str, target: str) -> str:
    """The command that calibrates a target of a collection anew."""
    return _command("eyedex calibrate", collection, target)


def train_command(name: str, collection: str, target: str) -> str:
    """The command that trains a classifier for a target of a collection anew."""
    return _command(f"eyedex train --with {name}", collection, target)


def forget_command(collection: str) -> str:
    """The command that deletes what is kept of the former encoder of a collection."""
    return _command("eyedex switch --forget", collection, "label")


def _command(start: str, collection: str, target: str) -> str:
    """With the options that differ from what the command line takes by itself."""
    options = "" if collection == "default" else f" --collection {collection}"
    if target != "label":
        options += f" --target {shlex.quote(target)}"
    return f"`{start}{options}`"
