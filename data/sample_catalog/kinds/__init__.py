"""Every kind of product in the sample catalog, in a fixed order.

A new kind is one drawing function and one row in its module's table.
"""

from data.sample_catalog.kinds import accessories, clothing, kitchen, leisure, living, shoes
from data.sample_catalog.kinds.base import Kind

KINDS: tuple[Kind, ...] = (
    *kitchen.KINDS,
    *living.KINDS,
    *clothing.KINDS,
    *shoes.KINDS,
    *accessories.KINDS,
    *leisure.KINDS,
)

__all__ = ["KINDS", "Kind"]
