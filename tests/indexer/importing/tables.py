"""Tables of embeddings that say what a test wants."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from indexer.exchange.forms import EncoderRecord, FilePart
from indexer.exchange.importing import ImportRequest, import_embeddings
from search_engine.config import Settings
from search_engine.records import Vectors


class Table:
    """A file that says what a test wants."""

    def __init__(
        self,
        path: Path,
        vectors: Vectors,
        encoder: EncoderRecord | None = None,
        records: Sequence[Any] | None = None,
    ) -> None:
        self.path = path
        self.encoder = encoder
        self.dimension = vectors.shape[1]
        self._vectors = vectors
        self._records = records or [{"item_id": str(row)} for row in range(len(vectors))]

    def __len__(self) -> int:
        return len(self._vectors)

    def parts(self) -> Any:
        yield FilePart(1, self._records, self._vectors)


def bring(data: Path, table: Table, **request: Any) -> Any:
    settings = Settings(data=data / "data", workers=1)
    return import_embeddings(table, ImportRequest(**request), settings)


def records(*ids: str, **columns: Any) -> list[dict[str, Any]]:
    return [{"item_id": item_id, **columns} for item_id in ids]
