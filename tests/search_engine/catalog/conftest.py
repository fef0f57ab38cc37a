"""Every test of the catalog runs on both databases."""

import pytest


@pytest.fixture(autouse=True)
def on_both(database: str) -> str:
    return database
