"""The verb that finds the colours of pictures."""

import sys

from api.cli.options import CollectionOption, DataOption, JsonOption, open_engine
from api.cli.recording import recorded, told
from api.cli.terminal.output import print_json
from api.cli.terminal.wording import counted


def colors(
    data: DataOption = None,
    collection: CollectionOption = "default",
    as_json: JsonOption = False,
) -> None:
    """Find the dominant colours of pictures that were indexed before Eyedex looked for them.

    `eyedex index` finds those of new and changed pictures by itself. An interrupted run goes on
    where it stopped.
    """
    from indexer.colors import find_colors

    with (
        open_engine(data) as engine,
        recorded(engine.settings, collection, "colors") as running,
    ):
        found = find_colors(engine, collection, told(running))
        running.result = found.summary()
    if as_json:
        print_json(found.summary())
        return
    print(f"colours of {counted(found.found, 'picture')} found")
    if found.unread:
        print(f"note: {counted(found.unread, 'picture')} could not be read", file=sys.stderr)
