"""A place for uploads, and files to put there."""

from pathlib import Path
from typing import Any

import pytest

from indexer.staging import Staging
from search_engine.config import Settings
from search_engine.storage.paths import DataPaths

TABLE = b"item_id,image\na,images/a.jpg\n"
JPEG = b"\xff\xd8\xff\xe0" + bytes(60)


def staging_at(data: Path, **settings: Any) -> Staging:
    return Staging(DataPaths(data), Settings(data=data, **settings))


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return staging_at(tmp_path)


def names(staging: Staging, upload_id: str) -> list[str]:
    return [each.name for each in staging.files("shop", upload_id)]
