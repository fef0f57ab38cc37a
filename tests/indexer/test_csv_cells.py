"""Cells of CSV files that spreadsheets must not compute."""

import pytest

from indexer.csv_cells import CLUSTER_COLUMNS, is_ours, read_cell, safe_cell


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-x", "@SUM(A1)", "\t=1", "\r=1", "-5", "'=1", "''=1", "=cmd|' /C calc'!A0"],
)
def test_texts_that_could_be_formulas_get_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert read_cell(safe_cell(text)) == text


@pytest.mark.parametrize("value", ["", "a=b", " =1", "'", "'mug'", "ok", 5, -5, -0.25, None, True])
def test_everything_else_stays(value: object) -> None:
    assert safe_cell(value) is value
    if isinstance(value, str):
        assert read_cell(value) == value


def test_tables_of_clusters_are_known_by_their_columns() -> None:
    assert is_ours(("item_id", *CLUSTER_COLUMNS))
    assert not is_ours(("item_id", "cluster"))
