"""The pictures that a re-ranking looks at: of the query, and of the items that it found."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from search_engine.catalog.store import Catalog
from search_engine.errors import ImageError, PictureNotFoundError
from search_engine.images import PICTURE_QUALITY
from search_engine.records import CatalogItem, Keys
from search_engine.search.rerank.local_features import SIDE_PX, LocalFeatures, local_features

KEPT = 500
"""Items cached at most; with 500 features each they take 34 MB."""

RenderItem = Callable[[CatalogItem, int, int], bytes]
"""An item, the longest side in pixels and a quality to its picture as JPEG."""


class ItemFeatures:
    """Computes local features of items' pictures, and caches recent ones. Thread-safe."""

    def __init__(self, catalog: Catalog, render: RenderItem, kept: int = KEPT) -> None:
        self._catalog = catalog
        self._render = render
        self._most = kept
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, str], LocalFeatures] = OrderedDict()

    def of(self, keys: Keys) -> list[LocalFeatures | None]:
        """The features of each item; None where it or its picture is gone."""
        items = self._catalog.by_keys(keys.tolist())
        return [self._one(items[key]) if key in items else None for key in keys.tolist()]

    def _one(self, item: CatalogItem) -> LocalFeatures | None:
        name = item.key, item.content_hash
        with self._lock:
            known = self._kept.get(name)
            if known is not None:
                self._kept.move_to_end(name)
                return known
        try:
            found = local_features(self._render(item, SIDE_PX, PICTURE_QUALITY))
        except (ImageError, PictureNotFoundError):
            return None
        with self._lock:
            self._kept[name] = found
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found


@dataclass(frozen=True, slots=True)
class AskedPictures:
    """See Pictures: features are made when somebody asks for them."""

    asked: Callable[[], LocalFeatures]
    known: Callable[[Keys], Sequence[LocalFeatures | None]]

    def query(self) -> LocalFeatures:
        """See Pictures."""
        return self.asked()

    def items(self, keys: Keys) -> Sequence[LocalFeatures | None]:
        """See Pictures."""
        return self.known(keys)
