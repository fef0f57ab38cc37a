"""The only door to pyarrow, an optional package."""

from typing import Any

from search_engine.errors import MissingExtraError


def import_arrow(where: str, instead: str) -> tuple[Any, Any]:
    """The packages pyarrow and pyarrow.parquet.

    Args:
        where: The option or file that asks for Parquet.
        instead: What does without, such as `write .csv or .jsonl`.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError(
            "Parquet needs a package that is not installed",
            where=where,
            fix=f"pip install 'eyedex[parquet]', or {instead}",
        ) from None
    return pyarrow, pyarrow.parquet
