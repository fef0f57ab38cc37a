"""The figures of docs/scaling.md are those of the command that it names."""

from pathlib import Path

import pytest

from benchmarks import capacity

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"


def test_the_table_is_what_the_command_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["capacity"])
    capacity.main()
    assert capsys.readouterr().out.strip() in PAGE.read_text()


def test_more_pictures_and_wider_vectors_need_more() -> None:
    costs = capacity.Costs()
    small, large = (capacity.need(n, 256, costs) for n in (10**6, 10**8))
    wide = capacity.need(10**8, 1_280, costs)
    assert small.core_hours * 100 == pytest.approx(large.core_hours)
    assert small.index_bytes < large.index_bytes < wide.index_bytes
    assert large.catalog_bytes < wide.catalog_bytes
    assert capacity.need(10**9, 256, costs).nodes(costs) == 2
