"""`open_embeddings`: a file of embeddings in any form that we know."""

from pathlib import Path

from indexer.exchange.forms import PARQUET, EmbeddingFile, check_suffix
from search_engine.errors import SourceError


def open_embeddings(path: Path) -> EmbeddingFile:
    """The file at a path, by its suffix; nothing is wrong with it as a file if this returns.

    Raises:
        SourceError: It is not there, damaged, or lacks what it needs.
        MissingExtraError: Parquet needs a package that is not installed.
    """
    check_suffix(path)
    if not path.is_file():
        raise SourceError("there is no such file", where=str(path))
    if path.suffix.lower() == PARQUET:
        from indexer.exchange.parquet import ParquetEmbeddings

        return ParquetEmbeddings(path)
    from indexer.exchange.npy import NpyEmbeddings

    return NpyEmbeddings(path)
