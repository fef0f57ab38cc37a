"""torch as runtime: CUDA with bfloat16 where there is a GPU, else float32 on the CPU."""

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.runtime.base import NetworkSource
from search_engine.records import Pixels

BATCH = 64


class TorchRuntime:
    """The reference: the other runtimes are held against float32 on the CPU."""

    lanes = 1

    def __init__(self, source: NetworkSource, device: str | None = None) -> None:
        import torch

        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._network = source.build().eval().to(self._device)
        self._half = self._device.type == "cuda"
        precision = "bfloat16" if self._half else "float32"
        self.description = f"torch {precision} on {self._device.type.upper()}"

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        """See Runtime."""
        import torch

        parts = []
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=self._half):
            for start in range(0, len(pixels), BATCH):
                batch = torch.from_numpy(np.array(pixels[start : start + BATCH]))  # its own copy
                parts.append(self._network(batch.to(self._device)).float().cpu().numpy())
        return np.concatenate(parts)
