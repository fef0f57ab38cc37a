"""Tables without a header by design, recognised by their first row."""

import re
from collections.abc import Sequence

PRODUCT_SEARCH_COLUMNS = (
    "image-uri",
    "image-id",
    "product-set-id",
    "product-id",
    "product-category",
    "product-display-name",
    "labels",
    "bounding-poly",
)
"""Columns of import files of Google Cloud Product Search; the last three may be missing."""

CATEGORIES = ("homegoods", "apparel", "toys", "packagedgoods", "general")
_PICTURE = re.compile(r"(gs|https?)://.+|.+\.(jpe?g|png|webp|gif|bmp|tiff?)", re.IGNORECASE)


def missing_header(first_row: Sequence[str]) -> tuple[str, ...] | None:
    """Return the columns of a table whose first row is a record; None if it is a header."""
    if not 5 <= len(first_row) <= len(PRODUCT_SEARCH_COLUMNS):
        return None
    picture, _, set_id, product, category = (cell.strip() for cell in first_row[:5])
    known = category.lower().startswith(CATEGORIES)
    if _PICTURE.fullmatch(picture) and set_id and product and known:
        return PRODUCT_SEARCH_COLUMNS[: len(first_row)]
    return None
