"""A torch DataLoader with worker processes, as clip-retrieval reads a folder of pictures.

https://github.com/rom1504/clip-retrieval: pictures are opened and transformed by
`num_prepro_workers` processes that prefetch two batches each, and encoded a batch at a time. Its
reader is written anew here, because clip-retrieval itself would bring dozens of packages more.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from benchmarks.rivals.base import Place, Rows
from benchmarks.rivals.given_network import given_network, given_transform

BATCH = 64
PREFETCHED = 2

Transform = Callable[[Image.Image], torch.Tensor]


class Photos(Dataset[torch.Tensor]):
    """Samples of each photo."""

    def __init__(self, photos: Sequence[Path], transform: Transform) -> None:
        self._photos, self._transform = photos, transform

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, place: int) -> torch.Tensor:
        return self._transform(Image.open(self._photos[place]).convert("RGB"))


class TorchDataLoader:
    """See Ingester."""

    def __init__(self, place: Place) -> None:
        torch.set_num_threads(place.threads)
        self._workers = place.threads
        self._network = given_network()
        self._transform = given_transform()

    @property
    def setting(self) -> str:
        """See Ingester."""
        return f"num_workers={self._workers} batch_size={BATCH} prefetch_factor={PREFETCHED}"

    def encode(self, folder: Path, photos: Sequence[Path]) -> Rows:
        """See Ingester."""
        loader = DataLoader(
            Photos(photos, self._transform),
            batch_size=BATCH,
            num_workers=self._workers,
            prefetch_factor=PREFETCHED,
        )
        with torch.inference_mode():
            return np.concatenate([self._network(batch).numpy() for batch in loader])

    def close(self) -> None:
        """Nothing to give back."""
