"""Pictures in buckets of S3 and Google Cloud Storage, read with fsspec.

Credentials come from where the services' own tools find them: environment, profiles, roles.
"""

from pathlib import Path
from typing import Any

from indexer.sources.kept import keep, read_note
from search_engine.errors import MissingExtraError, RowError

BUCKETS = ("s3://", "gs://")
STATES = ("ETag", "etag", "md5Hash", "LastModified", "updated", "mtime", "created")
"""Names that file systems use for a field that changes with the file's content."""


def fetch_stored(url: str, path: Path, max_bytes: int) -> Path:
    """Fetch a picture from a bucket, unless it has not changed since it was last fetched.

    Raises:
        MissingExtraError: A package is not installed.
        RowError: `fetch_failed`, with the reason.
    """
    system, name = _system(url)
    try:
        info = system.info(name)
        if (info.get("size") or 0) > max_bytes:
            raise RowError(
                "fetch_failed", f"larger than {max_bytes:,} bytes (EYEDEX_CATALOG_MAX_BYTES): {url}"
            )
        state = " ".join(str(info[key]) for key in STATES if info.get(key))
        if state and read_note(path).get("state") == state:
            return path
        keep(path, system.cat_file(name), {"url": url, "state": state})
    except FileNotFoundError as error:
        raise RowError("fetch_failed", f"there is no such file: {url}") from error
    except RowError:
        raise
    except Exception as error:  # each file system raises its own errors
        raise RowError("fetch_failed", f"{type(error).__name__}: {error}: {url}") from error
    return path


def _system(url: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs

        return url_to_fs(url)  # type: ignore[no-any-return]
    except ImportError as error:
        raise MissingExtraError(
            f"{url.partition(':')[0]}:// needs a package that is not installed",
            where="--allow-urls",
            fix="pip install 'eyedex[buckets]'",
        ) from error
