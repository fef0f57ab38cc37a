"""DeepImageSearch: its indexer with its timm embedding, whose network and transform are replaced.

https://github.com/TechyNilesh/DeepImageSearch: `SearchEngine.index` runs this indexer over a flat
FAISS index and a JSON file of records, and saves both. Made with `pretrained=False`, the embedding
downloads nothing.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.rivals.base import Place, Rows
from benchmarks.rivals.given_network import DIMENSION, NAME, given_network, given_transform


class DeepImageSearchIndexer:
    """See Ingester."""

    setting = "batch_size=64, flat index"

    def __init__(self, place: Place) -> None:
        model, transform = given_network(), given_transform()  # which imports torchvision safely
        from DeepImageSearch import TimmEmbedding

        self._folder = str(place.folder)
        self._embedding = TimmEmbedding(NAME, pretrained=False, device="cpu")
        self._embedding.model, self._embedding.preprocess = model, transform

    def encode(self, folder: Path, photos: Sequence[Path]) -> Rows:
        """See Ingester."""
        from DeepImageSearch import FAISSStore, Indexer, JsonMetadataStore

        vectors, records = FAISSStore(DIMENSION), JsonMetadataStore()
        Indexer(self._embedding, vectors, records).index([str(path) for path in photos])
        vectors.save(self._folder)
        records.save(self._folder)
        return np.asarray(vectors.index.reconstruct_n(0, len(photos)))

    def close(self) -> None:
        """Nothing to give back."""
