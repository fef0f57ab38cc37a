"""Numbers as people read them, as tables."""

import pytest

from api.cli.terminal.wording import counted, duration, rejected, size


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (0, "picture", "0 pictures"),
        (1, "picture", "1 picture"),
        (2_000, "item", "2,000 items"),
        (1, "category", "1 category"),
        (3, "category", "3 categories"),
    ],
)
def test_a_number_has_its_noun(number: int, noun: str, said: str) -> None:
    assert counted(number, noun) == said


@pytest.mark.parametrize(
    ("size_bytes", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (52_400, "52 kB"),
        (5_650_000, "5.7 MB"),
        (1_234_000_000_000, "1,234.0 GB"),
    ],
)
def test_sizes_are_in_units_that_fit(size_bytes: int, said: str) -> None:
    assert size(size_bytes) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (42.04, "42.0 s"),
        (59.7, "1 min 0 s"),
        (192, "3 min 12 s"),
        (7_500, "2 h 5 min"),
    ],
)
def test_durations_are_in_units_that_fit(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_rejected_rows_are_counted_by_reason_the_most_frequent_first() -> None:
    assert rejected(0, {}) == "0 rejected"
    reasons = {"bad_id": 1, "empty_file": 1, "corrupt_image": 2_000}
    assert rejected(2_002, reasons) == (
        "2,002 rejected: 2,000 corrupt_image, 1 bad_id, 1 empty_file"
    )
