"""Made-up attributes of items, conditions on them, and which items fulfil a condition.

Attributes are independent of the vectors: of each condition's matches, the nearest are spread
over the whole gallery.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine.catalog.filters import Condition

BRANDS = 1_000
DEPARTMENTS = 10
KINDS = 10
TOP_PRICE = 100.0


@dataclass(frozen=True, slots=True)
class ItemTable:
    """Columns of N items: `price` (N,), float64; `brand` and `label` (N,), texts.

    A label is a path, department before kind.
    """

    price: NDArray[np.float64]
    brand: NDArray[np.str_]
    label: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.price)

    def row(self, number: int) -> "ItemTable":
        """A table of one item."""
        one = slice(number, number + 1)
        return ItemTable(self.price[one], self.brand[one], self.label[one])


@dataclass(frozen=True, slots=True)
class FilterKind:
    """A kind of filter, the share of items that fulfil it, and how one is drawn."""

    name: str
    share: float
    draw: Callable[[np.random.Generator], Condition | None]


def make_items(count: int, seed: int = 0) -> ItemTable:
    """Even draws: 1,000 brands, 10 departments of 10 kinds each, prices of 0 to 100."""
    random = np.random.default_rng(seed)
    brands = np.array([_brand(number) for number in range(BRANDS)])
    labels = np.array([_label(number) for number in range(DEPARTMENTS * KINDS)])
    return ItemTable(
        price=random.uniform(0, TOP_PRICE, size=count),
        brand=random.choice(brands, count),
        label=random.choice(labels, count),
    )


def filter_kinds() -> Sequence[FilterKind]:
    """Nothing left out, then half, a tenth, a hundredth and a thousandth of all items left."""
    return (
        FilterKind("none", 1.0, lambda _: None),
        FilterKind("price below", 0.5, lambda _: Condition("price", "lt", TOP_PRICE / 2)),
        FilterKind("label under", 0.1, _draw_department),
        FilterKind("label is", 0.01, _draw_kind),
        FilterKind("brand is", 0.001, _draw_brand),
    )


def fulfil(items: ItemTable, condition: Condition | None) -> NDArray[np.bool_]:
    """Which items fulfil a condition, (N,)."""
    if condition is None:
        return np.ones(len(items), dtype=np.bool_)
    match condition:
        case Condition("price", "lt", float(limit)):
            return items.price < limit
        case Condition("label", "under", str(path)):
            return np.char.startswith(items.label, f"{path}/")
        case Condition("label", "eq", str(label)):
            return np.equal(items.label, label)
        case Condition("brand", "eq", str(brand)):
            return np.equal(items.brand, brand)
    raise ValueError(f"no such condition here: {condition}")


def _draw_department(random: np.random.Generator) -> Condition:
    return Condition("label", "under", _label(int(random.integers(100))).partition("/")[0])


def _draw_kind(random: np.random.Generator) -> Condition:
    return Condition("label", "eq", _label(int(random.integers(DEPARTMENTS * KINDS))))


def _draw_brand(random: np.random.Generator) -> Condition:
    return Condition("brand", "eq", _brand(int(random.integers(BRANDS))))


def _brand(number: int) -> str:
    return f"Brand {number:03d}"


def _label(number: int) -> str:
    return f"Department {number // KINDS}/Kind {number % KINDS}"
