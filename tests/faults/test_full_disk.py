"""A full disk: what can still be done, and what is said of the rest. Only root can make one."""

import shutil
from pathlib import Path

import pytest

from search_engine import SearchEngine
from search_engine.config import Settings
from search_engine.encoders.runtime.openvino_export import float_precision, read_network
from search_engine.errors import StorageFullError
from search_engine.maintenance.check import check_data
from search_engine.storage.paths import DataPaths
from search_engine.storage.room import RESERVE_BYTES
from tests.api.asking import DEFAULT, CheckedClient, ask, assert_problem
from tests.conftest import copy_data
from tests.contract.small_network import small_network
from tests.faults.test_interruption import eyedex
from tests.images.pictures import jpeg
from tests.torture.storage_disks import can_mount, disk, fill

pytestmark = pytest.mark.skipif(not can_mount(), reason="only root can make disks")

DISK_KIB = 16_384
MISSING_ROWS = 60_000
NETWORK_KIB = 64
"""Less than a network of the tests has."""


@pytest.mark.sqlite_only("the disk of a catalog is the server's there")
def test_a_full_disk_is_read_and_freed_and_takes_nothing(hsv_data: Path) -> None:
    with disk(DISK_KIB) as folder:
        data = copy_data(hsv_data, folder / "data")
        with SearchEngine(data) as engine:
            first, second, *_ = (item.item_id for item in engine.items())
            engine.describe(first, {"label": "before"})
        assert DataPaths(data).reserve.stat().st_size == RESERVE_BYTES
        file = fill(folder)
        with CheckedClient(data) as client:
            assert client.get("/readyz").status_code == 200
            assert ask(client, jpeg()).status_code == 200
            full = client.patch(
                f"{DEFAULT}/items/{first}",
                content=b'{"label": "after"}',
                headers={"content-type": "application/merge-patch+json"},
            )
            assert_problem(full, 507, "storage_full")
            assert client.delete(f"{DEFAULT}/items/{first}").status_code == 204
            assert client.get(f"{DEFAULT}/items/{first}").status_code == 404
        with SearchEngine(data) as engine:
            with pytest.raises(StorageFullError, match="remove items"):
                engine.describe(second, {"label": "after"})
            engine.remove(second)
        assert check_data(Settings(data=data)).sound
        file.unlink()
        with SearchEngine(data) as engine:
            engine.upsert(first, jpeg(), label="after")
        assert DataPaths(data).reserve.exists()
        assert check_data(Settings(data=data)).sound


def test_a_collection_is_deleted_from_a_full_disk(hsv_data: Path) -> None:
    with disk(DISK_KIB) as folder:
        data = copy_data(hsv_data, folder / "data")
        with SearchEngine(data) as engine:
            engine.describe(next(engine.items()).item_id, {"label": "before"})
        fill(folder)
        done = eyedex("collections", "delete", "default", "--yes", "--data", data)
        assert done.returncode == 0, done.stderr
        assert check_data(Settings(data=data)).sound


def test_rows_that_are_refused_on_a_full_disk_end_the_run_and_leave_nothing(
    hsv_data: Path, tmp_path: Path
) -> None:
    rows = "".join(f"no{number},missing{number}.jpg\n" for number in range(MISSING_ROWS))
    (tmp_path / "bad.csv").write_text(f"item_id,image\n{rows}")
    with disk(DISK_KIB // 2) as folder:
        data = copy_data(hsv_data, folder / "data")
        shutil.copy(tmp_path / "bad.csv", folder / "fill")
        done = eyedex("index", tmp_path / "bad.csv", "--data", data)
        assert done.returncode == 5, done.stderr
        assert done.stderr.splitlines()[-1].startswith("error: storage_full: ")
        assert "Traceback" not in done.stderr
        assert not [*data.glob(".*.new")]
        assert check_data(Settings(data=data)).sound


@pytest.mark.parametrize("temporary", ["roomy", "full"])
def test_a_network_is_exported_elsewhere_where_a_full_disk_does_not_take_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: str
) -> None:
    monkeypatch.setenv("EYEDEX_NETWORK_CACHE", "")
    with disk(NETWORK_KIB) as folder:
        source = small_network(folder / "encoders")
        (folder / "temporary").mkdir()
        fill(folder)
        place = tmp_path if temporary == "roomy" else folder / "temporary"
        monkeypatch.setattr("tempfile.tempdir", str(place))
        if temporary == "roomy":
            assert read_network(source, float_precision()).inputs
        else:
            with pytest.raises(StorageFullError, match="no space is left to convert"):
                read_network(source, float_precision())
        assert not [*(folder / "encoders").iterdir()]
