"""Batches of augmented pictures to learn from, made by processes of their own."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from search_engine.adapt.augmentation import augmentation
from search_engine.records import Codes

if TYPE_CHECKING:
    import torch

AHEAD = 4
BALANCE = 0.5
"""Draw classes by their number of products to this power: rare classes more often than pictures
alone would give, common ones still more often than rare ones."""


@dataclass(frozen=True)
class Pictures:
    """Pictures of one size in a file, (N, S, S, 3), uint8."""

    file: Path
    count: int
    side_px: int

    def pixels(self) -> NDArray[np.uint8]:
        """Map all of them from the file."""
        shape = (self.count, self.side_px, self.side_px, 3)
        return np.memmap(self.file, dtype=np.uint8, mode="r", shape=shape)


class Draw:
    """Sample rows without end: first a class, then one of its products, then a picture of that.

    So neither a class nor a product with many pictures dominates.
    """

    def __init__(self, rows: Codes, codes: Codes, products: Codes, seed: int) -> None:
        """Draw among some rows; `codes` and `products` are those of all rows, (N,)."""
        self._random = np.random.default_rng(seed)
        self._classes = [
            [rows[(codes[rows] == code) & (products[rows] == product)] for product in shown]
            for code in np.unique(codes[rows])
            for shown in [np.unique(products[rows][codes[rows] == code])]
        ]
        weights = np.array([len(each) for each in self._classes], dtype=np.float64) ** BALANCE
        self._chances = weights / weights.sum()

    def __iter__(self) -> Iterator[int]:
        while True:
            for place in self._random.choice(len(self._classes), 1_024, p=self._chances):
                products = self._classes[place]
                pictures = products[self._random.integers(len(products))]
                yield int(pictures[self._random.integers(len(pictures))])


class Augmented:
    """Turn rows into `views` augmented pictures each, (views, 3, size_px, size_px), uint8."""

    def __init__(self, pictures: Pictures, size_px: int, views: int) -> None:
        """Open the pictures only in the process that uses them, a worker of torch's loader."""
        self._pictures = pictures
        self._size_px = size_px
        self._views = views
        self._open: Any = None

    def __getitem__(self, row: int) -> "tuple[int, torch.Tensor]":
        import torch

        if self._open is None:
            self._open = self._pictures.pixels(), augmentation(self._size_px)
        pixels, change = self._open
        picture = torch.from_numpy(np.array(pixels[row])).permute(2, 0, 1)
        return row, torch.stack([change(picture) for _ in range(self._views)])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": None}


def batches(
    source: Augmented, draw: Draw, size: int, processes: int, seed: int
) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
    """Yield rows (B,) and pictures (B, views, 3, S, S), uint8, without end.

    The processes start with the first batch.
    """
    import torch

    loader: Any = torch.utils.data.DataLoader(
        source,  # type: ignore[arg-type]
        batch_size=size,
        sampler=draw,
        num_workers=processes,
        prefetch_factor=AHEAD if processes else None,
        multiprocessing_context="forkserver" if processes else None,
        generator=torch.Generator().manual_seed(seed),
    )
    yield from loader


def loader_processes() -> int:
    """Choose enough processes to keep up with training, which uses most cores except on a GPU."""
    import torch

    cores = os.cpu_count() or 1
    return max(1, cores - 2 if torch.cuda.is_available() else cores // 4)
