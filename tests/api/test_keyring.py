"""The keys that a server has in memory."""

from pathlib import Path
from typing import Any

import pytest

from api.security.keyring import SOON_S, Keyring
from search_engine.access import Grant
from search_engine.catalog.access_rows import access_keys_in
from search_engine.errors import StorageFullError
from tests.api.test_access import make_key
from tests.conftest import copy_data
from tests.small_catalog import open_catalog


@pytest.fixture
def data(hsv_data: Path, tmp_path: Path) -> Path:
    return copy_data(hsv_data, tmp_path / "data")


def test_fresh_keys_are_not_read_again_but_for_a_new_one(data: Path) -> None:
    token = make_key(data, "read")
    with open_catalog(data) as catalog:
        keyring = Keyring(catalog)
        assert keyring.has_keys()
        read = keyring._read
        keyring.refresh(token)
        assert keyring._read == read
        assert keyring.grant(token) == Grant("read")
        new = make_key(data, "write")
        assert keyring.grant(new) is None
        keyring._read -= SOON_S
        assert keyring.is_fresh(token)
        assert not keyring.is_fresh(new)
        keyring.refresh(new)
        assert keyring.grant(new) == Grant("write")


def test_use_that_cannot_be_noted_is_said(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    token = make_key(data, "read")
    with open_catalog(data) as catalog:
        keyring = Keyring(catalog)
        keyring.refresh()
        assert keyring.grant(token) == Grant("read")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(catalog, "write", _full)
            keyring.note_use()
        assert "the last use of keys is not recorded: no space" in caplog.text
        keyring._noted = float("-inf")
        keyring._read = float("-inf")
        keyring.grant(token)
        keyring.refresh()
        with catalog.read() as connection:
            assert access_keys_in(connection)[0].last_used is not None


def _full(*_: Any, **__: Any) -> Any:
    raise StorageFullError("no space is left")
