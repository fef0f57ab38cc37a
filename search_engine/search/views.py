"""Views of groups: how many items of the group of a neighbor match, and which."""

from collections.abc import Sequence

import numpy as np

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.groups import Group
from search_engine.catalog.store import Catalog
from search_engine.records import GroupViews, Keys
from search_engine.search.scope import Scope

MAX_VIEWS = 20
"""So many ids of a group are told at most."""


def group_views(
    catalog: Catalog, collection: Collection, scope: Scope, keys: Sequence[int], by: str
) -> dict[int, GroupViews]:
    """The items of each key's group that the scope holds, by key; in the order of their keys.

    An item without the field is alone. Groups are read one by one, each along the index of the
    field.
    """
    groups = catalog.groups_of(keys, by)
    members = {
        key: _members(catalog, collection, scope, key, group, by) for key, group in groups.items()
    }
    listed = np.unique(np.concatenate([_NONE, *(each[:MAX_VIEWS] for each in members.values())]))
    ids = catalog.item_ids_of(listed.tolist())
    return {
        key: GroupViews(len(each), tuple(ids[k] for k in each[:MAX_VIEWS].tolist() if k in ids))
        for key, each in members.items()
    }


_NONE: Keys = np.empty(0, dtype=np.int64)


def _members(
    catalog: Catalog, collection: Collection, scope: Scope, key: int, group: Group, by: str
) -> Keys:
    if group[0] == "none":
        return np.array([key], dtype=np.int64)
    found = catalog.keys_in_groups(collection, by, [group])
    return found[scope.holds(found)]
