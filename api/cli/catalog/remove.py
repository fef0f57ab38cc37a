"""The verb that removes items."""

from typing import Annotated

import typer

from api.cli.options import CollectionOption, DataOption, FilterOption, JsonOption, open_engine
from api.cli.terminal.output import Notes, print_json
from api.cli.terminal.wording import counted


def remove(
    item_ids: Annotated[
        list[str] | None, typer.Argument(metavar="ITEM_ID...", help="Ids of the items.")
    ] = None,
    data: DataOption = None,
    collection: CollectionOption = "default",
    filter: FilterOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many would be removed, remove none.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove items by their ids, or all that fulfil a filter; all of them or none."""
    from search_engine.errors import ParameterError

    if bool(item_ids) == bool(filter):
        raise ParameterError("give ids of items or --filter, one of them", where="eyedex remove")
    ids = list(dict.fromkeys(item_ids or ()))
    with open_engine(data) as engine:
        warnings = engine.filter_warnings(filter, collection=collection)
        if filter:
            keys = engine.keys_matching(filter, collection=collection)
            removed = len(keys)
            if not dry_run:
                removed = engine.remove_matching(filter, collection=collection)
        else:
            record = engine.catalog.collection(collection)
            removed = len({engine.catalog.get(record, item_id).key for item_id in ids})
            if not dry_run:
                engine.remove(*ids, collection=collection)
    if as_json:
        print_json({"removed": removed, "dry_run": dry_run, "warnings": list(warnings)})
    else:
        Notes().print(warnings)
        print(f"{counted(removed, 'item')} {'would be removed' if dry_run else 'removed'}")
