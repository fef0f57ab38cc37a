"""Tables on stdout: whole lines for other programs, cells that fold for people."""

import io

import pytest

from api.cli.terminal import output
from api.cli.terminal.output import print_table

ID = "01a237b88235cd6b43e4b9b48ac0c423"
LONG = "a text that is longer than what is left of eighty columns beside the others " * 2


def test_off_a_terminal_each_row_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("id", "text"), [(ID, LONG), ("x", "y")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["id", ID, "x"]
    assert LONG.strip() in lines[1]


def test_on_a_terminal_what_is_copied_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    shown = io.StringIO()
    narrow = Console(file=shown, force_terminal=True, color_system=None, width=80)
    monkeypatch.setattr(output, "console", lambda: narrow)
    print_table(("id", "kind", "text"), [(ID, LONG, LONG)], whole="id")
    lines = shown.getvalue().splitlines()
    assert len(lines) > 2
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith(f"{ID} ")
