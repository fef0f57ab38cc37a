"""The loop that anybody writes first: one photo after the other, Pillow and float32 torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.rivals.base import Place, Rows
from benchmarks.rivals.given_network import given_network, given_transform


class PlainLoop:
    """See Ingester."""

    setting = "one photo at a time"

    def __init__(self, place: Place) -> None:
        torch.set_num_threads(place.threads)
        self._network = given_network()
        self._transform = given_transform()

    def encode(self, folder: Path, photos: Sequence[Path]) -> Rows:
        """See Ingester."""
        rows = []
        with torch.inference_mode():
            for path in photos:
                samples = self._transform(Image.open(path).convert("RGB"))
                rows.append(self._network(samples[None])[0].numpy())
        return np.stack(rows)

    def close(self) -> None:
        """Nothing to give back."""
