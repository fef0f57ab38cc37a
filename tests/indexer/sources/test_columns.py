"""The type of a column, found from all its cells, as a person would say it."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from indexer.sources import Reject, SourceOptions
from indexer.sources.table import TableSource
from search_engine.errors import SourceError
from tests.indexer.sources.memory_table import MemoryTable, understood

FOUND: dict[str, tuple[list[Any], str, list[Any]]] = {
    "whole numbers": (["1", "20", "-5", "0"], "number", [1, 20, -5, 0]),
    "decimals": (["1.5", "2", "0.25"], "number", [1.5, 2, 0.25]),
    "prices with two decimals": (["19.90", "5.00"], "number", [19.9, 5.0]),
    "one number padded": (["1.10"], "number", [1.1]),
    "empty cells clear": (["1", "", "3"], "number", [1, None, 3]),
    "a cell of spaces is empty": (["1", "  ", "3"], "number", [1, None, 3]),
    "spaces among texts are empty": (["Fox", "   ", "\t", ""], "text", ["Fox", None, None, None]),
    "spaces around numbers": (["1 ", " 2"], "number", [1, 2]),
    "thousands in English": (["1,299.00", "899.00"], "number", [1299.0, 899.0]),
    "thousands in German": (["1.299,00", "899,00"], "number", [1299.0, 899.0]),
    "thousands with apostrophes": (["1'299.00", "899.00"], "number", [1299.0, 899.0]),
    "thousands with spaces": (["1 299,00", "899,00"], "number", [1299.0, 899.0]),
    "decimal commas": (["12,5", "3,75", "8"], "number", [12.5, 3.75, 8]),
    "millions": (["1,299,000.50", "899.50"], "number", [1299000.5, 899.5]),
    "fifteen digits": (["123456789012345", "1"], "number", [123456789012345, 1]),
    "leading zeros": (["007", "12"], "text", ["007", "12"]),
    "an exponent": (["12E4", "3E10", "7700"], "text", ["12E4", "3E10", "7700"]),
    "a plus sign": (["+5", "6"], "text", ["+5", "6"]),
    "minus zero": (["-0", "1"], "text", ["-0", "1"]),
    "eighteen digits": (["106141412345678900"], "text", ["106141412345678900"]),
    "some of eighteen digits": (
        ["106141412345678900", "5"], "text", ["106141412345678900", "5"]
    ),
    "sizes": (["1.10", "1.1", "2.00", "2.5"], "text", ["1.10", "1.1", "2.00", "2.5"]),
    "sizes with commas": (["1,10", "1,1"], "text", ["1,10", "1,1"]),
    "both conventions": (["1.299", "2.499"], "text", ["1.299", "2.499"]),
    "both conventions with commas": (["1,299", "899"], "text", ["1,299", "899"]),
    "decimal points and commas": (["1.5", "2,5"], "text", ["1.5", "2,5"]),
    "spaced codes": (["75 001", "69 002"], "text", ["75 001", "69 002"]),
    "a cell that is no number": (["1", "2", "large"], "text", ["1", "2", "large"]),
    "numbers with gaps": (["1", "n/a", " - ", "2"], "number", [1, None, None, 2]),
    "what databases and sheets write": (
        ["5.50", "NULL", r"\N", "#N/A", "#DIV/0!"], "number", [5.5, None, None, None, None]
    ),
    "dates with gaps": (["2025-12-31", "0000-00-00"], "date", ["2025-12-31", None]),
    "truths with gaps": (["yes", "?", "no"], "boolean", [True, None, False]),
    "gaps of a sheet": ([5, 7.5, "#N/A"], "number", [5, 7.5, None]),
    "texts with gaps": (["red", "-", "N/A"], "text", ["red", "-", "N/A"]),
    "codes with gaps": (["007", "-", "12"], "text", ["007", "-", "12"]),
    "nothing but gaps": (["-", "N/A"], "text", ["-", "N/A"]),
    "infinity": (["inf", "1"], "text", ["inf", "1"]),
    "digits of another script": (["١٢", "1"], "text", ["١٢", "1"]),
    "percent": (["5%", "10%"], "text", ["5%", "10%"]),
    "true and false": (["true", "FALSE", "True"], "boolean", [True, False, True]),
    "yes and no": (["yes", "No", ""], "boolean", [True, False, None]),
    "1 and 0": (["1", "0"], "number", [1, 0]),
    "true and maybe": (["true", "maybe"], "text", ["true", "maybe"]),
    "euros after": (["19.90 EUR", "5.00 EUR"], "number", [19.9, 5.0]),
    "a sign before": (["€ 1.299,00", "€5,00"], "number", [1299.0, 5.0]),
    "dollars": (["$5", "$1,299.50", "-$3"], "number", [5, 1299.5, -3]),
    "thousands of dollars": (["$1,299", "$2,499"], "number", [1299, 2499]),
    "thousands of euros": (["1.299 €", "899 €"], "number", [1299, 899]),
    "several currencies": (["5 EUR", "6 USD"], "number", [5, 6]),
    "no cents, in Switzerland": (["CHF 5.–", "CHF 12.50", "Fr. 7.-"], "number", [5, 12.5, 7]),
    "no cents, with a comma": (["12,- €", "12,50 €", "1.299,— €"], "number", [12, 12.5, 1299]),
    "a code that ends so": (["12-", "13.-5"], "text", ["12-", "13.-5"]),
    "not all with a currency": (["5 EUR", "6"], "text", ["5 EUR", "6"]),
    "a quantity of pens": (["4 pen", "5 pen"], "text", ["4 pen", "5 pen"]),
    "days": (["2025-12-31", "2024-02-29"], "date", ["2025-12-31", "2024-02-29"]),
    "times": (["2025-12-31 14:30", "2025-12-31T14:30:05"], "date",
              ["2025-12-31T14:30:00", "2025-12-31T14:30:05"]),
    "instants": (["2025-12-31T12:00:00+02:00", "2025-12-31T10:00:00Z"], "date",
                 ["2025-12-31T10:00:00Z", "2025-12-31T10:00:00Z"]),
    "parts of a second": (["2025-12-31T12:00:00.250Z", "2025-12-31T12:00:00.000Z"], "date",
                          ["2025-12-31T12:00:00.250Z", "2025-12-31T12:00:00Z"]),
    "days first": (["31.12.2025", "1.2.2025"], "date", ["2025-12-31", "2025-02-01"]),
    "months first": (["12/31/2025", "01/02/2025"], "date", ["2025-12-31", "2025-01-02"]),
    "days first with slashes": (["31/12/2025", "01/02/2025"], "date",
                                ["2025-12-31", "2025-02-01"]),
    "days or months first": (["01/02/2025", "03/04/2025"], "text",
                             ["01/02/2025", "03/04/2025"]),
    "days and months first": (["31/12/2025", "12/31/2025"], "text",
                              ["31/12/2025", "12/31/2025"]),
    "no such day": (["2025-02-30", "2025-01-01"], "text", ["2025-02-30", "2025-01-01"]),
    "two digits of a year": (["31.12.25"], "text", ["31.12.25"]),
    "texts as they are": ([" Blue  mug ", "é"], "text", [" Blue  mug ", "é"]),
    "nothing": (["", ""], "text", [None, None]),
    "native numbers": ([1, 2.5, None], "number", [1, 2.5, None]),
    "native booleans": ([True, False], "boolean", [True, False]),
    "native lists": ([["a", "b"], []], "list", [["a", "b"], []]),
    "native long numbers": ([106141412345678900, 2**70], "text",
                            ["106141412345678900", str(2**70)]),
    "native numbers and texts": ([1001, "A-1", 7.0], "text", ["1001", "A-1", "7"]),
    "native numbers and booleans": ([1, True], "text", ["1", "true"]),
    "not a number": ([float("nan"), 1.5], "number", [None, 1.5]),
    "decimals of a database": ([Decimal("19.90"), Decimal(5)], "number", [19.9, 5]),
    "days of a sheet": ([datetime(2025, 12, 31), datetime(2025, 1, 1)], "date",
                        ["2025-12-31", "2025-01-01"]),
    "native days": ([date(2025, 12, 31)], "date", ["2025-12-31"]),
    "native instants": (
        [datetime(2025, 12, 31, 12, tzinfo=timezone(timedelta(hours=2))),
         datetime(2025, 12, 31, tzinfo=UTC)],
        "date", ["2025-12-31T10:00:00Z", "2025-12-31T00:00:00Z"]),
    "native times": ([datetime(2025, 12, 31), datetime(2025, 12, 31, 8)], "date",
                     ["2025-12-31T00:00:00", "2025-12-31T08:00:00"]),
    "lists of objects": ([[{"a": 1}]], "text", ['[{"a": 1}]']),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_the_type_is_what_all_cells_are(case: str) -> None:
    cells, kind, values = FOUND[case]
    found = understood(cells)
    assert (found.report.kind, found.values) == (kind, values)
    assert [type(value) for value in found.values] == [type(value) for value in values]


NOTED: dict[str, tuple[list[Any], str]] = {
    "a word": (
        [*map(str, range(3)), "large"],
        '1 of 4 cells is no number, such as "large"; kept as text; '
        "--type x=number rejects those rows instead",
    ),
    "zeros": (["01067", "10115"], 'has leading zeros, as in "01067"; kept as text'),
    "two of them": (["1", "2", "3", "x", "x"], '2 of 5 cells are no numbers, such as "x"'),
    "sizes": (
        ["1.10", "1.1"],
        'has different numbers of decimals, as in "1.10" and "1.1"; kept as text; '
        "--type x=number compares them as numbers",
    ),
    "ambiguous": (
        ["1.299"],
        '"1.299" can be 1.299 or 1299; kept as text; '
        "--type x=number:. or --type x=number:, says which",
    ),
    "both": (["1.5", "2,5"], 'has both decimal points and commas, as in "1.5" and "2,5"'),
    "comma": (["12,5"], '"12,5" is read as 12.5'),
    "thousands": (["899.00", "1,299.00"], '"1,299.00" is read as 1299.0'),
    "money": (["19.90 EUR"], "the currency (EUR) is kept as x_currency"),
    "no currency": (["1 EUR", "2"], '1 of 2 cells has no currency, such as "2"'),
    "long": (["106141412345678900"], "more than 15 digits: kept exactly, as text"),
    "days": (["01/02/2025"], "can have the day or the month first; kept as text"),
    "german": (["31.12.2025"], "is read with the day first and stored as ISO 8601"),
    "orders": (["31/12/2025", "12/31/2025"], "has the day first and the month first"),
    "zones": (
        ["2025-01-01T10:00Z", "2025-01-01T10:00"],
        "some times have a zone and some have none",
    ),
    "maybe": (["true", "false", "perhaps"], "1 of 3 cells is not true or false"),
    "dates": (["2025-01-01", "2025-01-02", "soon"], "1 of 3 cells is no date"),
    "empty": (["", ""], "empty in every row"),
    "mixed": ([1, "a"], "has numbers and texts: all are kept as text"),
}


@pytest.mark.parametrize("case", NOTED)
def test_a_note_says_what_a_person_would_ask(case: str) -> None:
    cells, note = NOTED[case]
    assert note in understood(cells).note


def test_a_column_of_texts_needs_no_note() -> None:
    assert understood(["Mug", "Plate", "12 cups"]).note == ""
    assert understood(["1", "2"]).note == ""


def test_prices_are_amounts_however_many_decimals_are_written() -> None:
    assert understood(["19.90", "5", "7.5"], name="Price").values == [19.9, 5, 7.5]
    assert understood(["19,90", "5"], name="Verkaufspreis").values == [19.9, 5]
    assert understood(["19.90", "5"], name="size").report.kind == "text"


@pytest.mark.parametrize(
    ("cells", "values", "currency"),
    [
        (["₹1,23,456.00", "₹12,34,56,789.50", "₹99.00"], [123456, 123456789.5, 99], "INR"),
        (["Rs. 1,23,456", "Rs. 999"], [123456, 999], "Rs"),
        (["1,23,456.50", "99.00"], [123456.5, 99], None),
        (["￥1,200", "￥800"], [1200, 800], "¥"),
        (["1,200円", "800円"], [1200, 800], "JPY"),
        (["1 299,00 руб.", "99,00 руб."], [1299, 99], "RUB"),
        (["Rp 150.000,00", "Rp 75.500,00"], [150000, 75500], "IDR"),
    ],
)
def test_prices_are_read_as_their_countries_write_them(
    cells: list[str], values: list[float], currency: str | None
) -> None:
    found = understood(cells, name="price")
    assert found.values == values
    rows = [row for row in found.rows if not isinstance(row, Reject)]
    assert {row.description["attributes"].get("price_currency") for row in rows} == {currency}


@pytest.mark.parametrize("cells", [["1,23,456", "7,89,012"], ["1,2,300", "5"], ["123,45,678.00"]])
def test_other_commas_are_no_thousands(cells: list[str]) -> None:
    assert understood(cells, name="price").report.kind == "text"


def test_other_columns_tell_which_sign_the_table_writes() -> None:
    def both(price: str) -> Any:
        table = MemoryTable(["item_id", "price", "stock"], [["a", price, "1.299"]])
        (row,) = TableSource(table).rows()
        assert not isinstance(row, Reject)
        return row.attributes

    assert both("19,90") == {"price": 19.9, "stock": 1299}
    assert both("19.90") == {"price": 19.9, "stock": 1.299}
    assert both("19") == {"price": 19, "stock": "1.299"}


def test_the_currency_stands_beside_the_price() -> None:
    def attributes(*cells: str) -> list[Any]:
        found = understood(cells, name="price").rows
        return [row.description["attributes"] for row in found if not isinstance(row, Reject)]

    assert attributes("19.90 EUR", "", "$5") == [
        {"price": 19.9, "price_currency": "EUR"},
        {"price": None, "price_currency": None},
        {"price": 5, "price_currency": "$"},
    ]
    assert attributes("£5.00", "5.00 zł", "Fr. 5.00", "US$ 5.00")[2]["price_currency"] == "CHF"


def test_a_column_of_that_name_keeps_its_own_currency() -> None:
    table = MemoryTable(["item_id", "price", "price_currency"], [["a", "5 EUR", "euro"]])
    (row,) = TableSource(table).rows()
    assert not isinstance(row, Reject)
    assert row.attributes == {"price": 5, "price_currency": "euro"}


DECLARED: dict[str, tuple[str, list[Any], list[Any]]] = {
    "text": ("text", ["12", "1.10"], ["12", "1.10"]),
    "text of native values": ("text", [12, 1.5, True], ["12", "1.5", "true"]),
    "number": ("number", ["1.10", "1.1", "n/a", ""], [1.1, 1.1, "bad_value", None]),
    "number with thousands": ("number", ["1,299.00", "5"], [1299.0, 5]),
    "number that could be both": ("number", ["1.299"], [1.299]),
    "decimal comma": ("number:,", ["1.299", "12,5"], [1299, 12.5]),
    "decimal point": ("number:.", ["1.299", "12,5"], [1.299, "bad_value"]),
    "number of texts": ("number", [5, "6", True], [5, 6, "bad_value"]),
    "boolean": ("boolean", ["1", "0", "yes", "2"], [True, False, True, "bad_value"]),
    "date": ("date", ["2025-12-31", "soon"], ["2025-12-31", "bad_value"]),
    "days first": ("date:dmy", ["01/02/2025"], ["2025-02-01"]),
    "months first": ("date:mdy", ["01/02/2025"], ["2025-01-02"]),
    "list": ("list:|", ["red| blue", "green"], [["red", "blue"], ["green"]]),
    "list of some separator": ("list", ["red, blue", "a|b,c"], [["red", "blue"], ["a", "b,c"]]),
    "list of native lists": ("list:;", [["a", 1], "b;c"], [["a", 1], ["b", "c"]]),
}  # fmt: skip


@pytest.mark.parametrize("case", DECLARED)
def test_a_declared_type_rejects_what_does_not_fit(case: str) -> None:
    declared, cells, values = DECLARED[case]
    found = understood(cells, options=SourceOptions(types={"x": declared}))
    assert found.values == values


def test_a_reject_says_column_cell_and_type() -> None:
    found = understood(["1", "n/a"], name="price", options=SourceOptions(types={"price": "number"}))
    assert found.rows[1] == Reject(3, "i1", "bad_value", "price is not a number: 'n/a'")
    assert "1 cell does not fit, such as" in found.note


@pytest.mark.parametrize(
    ("types", "words"),
    [
        ({"x": "money"}, "known: text, number, boolean, date, list"),
        ({"x": "number:;"}, "use number:. or number:,"),
        ({"prize": "number"}, "did you mean 'price'"),
        ({"item_id": "number"}, "always text"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_an_error(types: dict[str, str], words: str) -> None:
    table = MemoryTable(["item_id", "x", "price"], [["a", "1", "2"]])
    with pytest.raises(SourceError) as caught:
        TableSource(table, SourceOptions(types=types))
    assert words in f"{caught.value.what} {caught.value.fix}"


def test_declared_dates_must_say_their_order_where_it_does_not_show() -> None:
    with pytest.raises(SourceError, match="day or the month first"):
        understood(["01/02/2025"], options=SourceOptions(types={"x": "date"}))


KNOWN: dict[str, tuple[str, list[Any], str, list[Any]]] = {
    "text stays text": ("text", ["12", "13"], "text", ["12", "13"]),
    "number": ("number", ["1.10", "1.1"], "number", [1.1, 1.1]),
    "another convention": ("number:,", ["12.50", "1.75"], "number", [12.5, 1.75]),
    "the same convention": ("number:,", ["1.299"], "number", [1299]),
    "money": ("number", ["5 EUR", "6"], "number", [5, 6]),
    "number with a word": ("number", ["1", "large"], "number", [1, "large"]),
    "number with another sign": ("number", ["1.50", "2.25", "1,75"], "number", [1.5, 2.25, "1,75"]),
    "the same convention with a word": ("number:,", ["1.299", "ask"], "number", [1299, "ask"]),
    "the same order with a word": (
        "date:mdy", ["01/02/2025", "soon"], "date", ["2025-01-02", "soon"]
    ),
    "another order": (
        "date:mdy", ["31/12/2025", "01/02/2025"], "date", ["2025-12-31", "2025-02-01"]
    ),
    "number nowhere": ("number", ["small", "large"], "number", ["small", "large"]),
    "number with gaps": ("number", ["1", "n/a"], "number", [1, None]),
    "boolean as digits": ("boolean", ["1", "0"], "boolean", [True, False]),
    "boolean with a number": ("boolean", ["1", "2"], "boolean", [True, "2"]),
    "date in another form": ("date", ["31.12.2025"], "date", ["2025-12-31"]),
    "date with a word": ("date", ["2025-12-31", "soon"], "date", ["2025-12-31", "soon"]),
    "list": ("list:|", ["a|b", "c"], "list", [["a", "b"], ["c"]]),
    "nothing": ("number", [""], "number", [None]),
}  # fmt: skip


@pytest.mark.parametrize("case", KNOWN)
def test_a_known_type_stays_where_the_cells_can_be_read_so(case: str) -> None:
    known, cells, kind, values = KNOWN[case]
    found = understood(cells, options=SourceOptions(known_types={"x": known}))
    assert (found.report.kind, found.values) == (kind, values)


def test_cells_that_do_not_fit_a_known_type_are_told() -> None:
    found = understood(["1", "large"], options=SourceOptions(known_types={"x": "number"}))
    assert found.note == (
        'is number in this collection; 1 of 2 cells does not fit, such as "large", and stays '
        "text; --type x=number rejects those rows instead, --type x=text makes all cells text"
    )


def test_gaps_count_as_empty_and_are_told() -> None:
    said = '1 of 2 cells counts as empty, such as "N/A"; --type x=text keeps what is written'
    assert understood(["5", "N/A"]).note == said
    known = understood(["N/A", "5"], options=SourceOptions(known_types={"x": "number"}))
    assert (known.report.kind, known.values, known.note) == ("number", [None, 5], said)
    as_text = understood(["5", "N/A"], options=SourceOptions(types={"x": "text"}))
    assert as_text.values == ["5", "N/A"]


def test_codes_that_a_sheet_has_rounded_are_told() -> None:
    found = understood(["4.00638E+12", "4,00638E+12", "12"])
    assert found.values == ["4.00638E+12", "4,00638E+12", "12"]
    assert found.note.startswith(
        '2 of 3 cells are what a spreadsheet makes of a long number, such as "4.00638E+12"'
    )


def test_what_was_found_once_is_found_again() -> None:
    cells = ["1.299,00 €", "5,00 €"]
    first = understood(cells)
    again = understood(["1.299"], options=SourceOptions(known_types={"x": first.type}))
    assert (first.type, again.values) == ("number:,", [1299])


def test_examples_and_share_are_of_the_filled_cells() -> None:
    report = understood(["b", "", "a", "b", "c", "d"]).report
    assert report.examples == ("b", "a", "c")
    assert report.filled == pytest.approx(5 / 6)


def test_a_long_column_is_judged_by_all_its_cells() -> None:
    found = understood([*map(str, range(9_999)), "large"])
    assert found.report.kind == "text"
    assert found.note.startswith('1 of 10,000 cells is no number, such as "large"')
