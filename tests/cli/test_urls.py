"""Tables that name their pictures by addresses."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run, colour_picture
from tests.shop_server import Shop, shop_server


@pytest.fixture
def shop() -> Iterator[Shop]:
    with shop_server() as shop:
        yield shop


def test_a_table_of_addresses_is_indexed(
    run: Run, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(100):
        shop.pictures[f"p{number}"] = colour_picture(number)
    lines = [f"id{number},{shop.url(f'p{number}')}" for number in range(100)]
    table = tmp_path / "shop.csv"
    table.write_text("\n".join(["item_id,image", *lines, f"gone,{shop.url('404')}"]))
    flags = ("--data", tmp_path / "data", "--encoder", "hsv", "--json")
    ran = run("index", table, *flags)
    assert ran.json["reasons"] == {"url_denied": 101}
    monkeypatch.setenv("EYEDEX_ALLOW_URLS", f"127.0.0.1:{shop.port}")
    would = run("index", table, *flags, "--dry-run").json
    assert (would["added"], len(shop.asked)) == (101, 0)
    ran = run("index", table, *flags)
    assert (ran.json["added"], ran.json["reasons"]) == (100, {"fetch_failed": 1})
    again = run("index", table, *flags)
    assert (again.json["unchanged"], again.json["encoded"]) == (100, 0)
    shop.pictures["p7"] = colour_picture(777)
    assert run("index", table, *flags).json["encoded"] == 1


def test_public_hosts_only_unless_named(run: Run, shop: Shop, tmp_path: Path) -> None:
    table = tmp_path / "shop.csv"
    table.write_text(f"item_id,image\na,{shop.url('ok')}\nb,http://127.0.0.1/ok\n")
    flags = ("--data", tmp_path / "data", "--encoder", "hsv", "--json")
    ran = run("index", table, *flags, "--allow-urls")
    assert ran.json["reasons"] == {"url_denied": 2}
    assert shop.asked == []
