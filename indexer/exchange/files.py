"""`open_embeddings`: open a file of embeddings in any known format."""

from pathlib import Path

from indexer.exchange.forms import PARQUET, EmbeddingFile, check_suffix
from search_engine.errors import SourceError


def open_embeddings(path: Path) -> EmbeddingFile:
    """Open the file at a path by its suffix, and verify that it is well-formed.

    Raises:
        SourceError: The file is missing, damaged or incomplete.
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
