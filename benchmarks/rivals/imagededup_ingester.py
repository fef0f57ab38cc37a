"""imagededup: its CNN encodings of a folder, with a model of our own.

https://idealo.github.io/imagededup/user_guide/custom_model: `CustomModel` takes a network and its
transform. `num_enc_workers` is 0 unless it is given; here it is the number of cores.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.rivals.base import Place, Rows
from benchmarks.rivals.given_network import NAME, given_network, given_transform


class ImagededupCnn:
    """See Ingester."""

    def __init__(self, place: Place) -> None:
        model, transform = given_network(), given_transform()  # which imports torchvision safely
        from imagededup.methods import CNN
        from imagededup.utils import CustomModel

        self._workers = place.threads
        self._method = CNN(False, CustomModel(NAME, model, transform))

    @property
    def setting(self) -> str:
        """See Ingester."""
        return f"num_enc_workers={self._workers}"

    def encode(self, folder: Path, photos: Sequence[Path]) -> Rows:
        """See Ingester."""
        found = self._method.encode_images(folder, recursive=True, num_enc_workers=self._workers)
        return np.stack([found[str(path.relative_to(folder))] for path in photos])

    def close(self) -> None:
        """Nothing to give back."""
