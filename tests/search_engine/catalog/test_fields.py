"""Values of fields as the texts that vote for them."""

from typing import Any

import pytest

from search_engine.catalog.fields import as_label


@pytest.mark.parametrize(
    ("value", "label"),
    [(None, None), (3.0, "3"), (3.5, "3.5"), (True, "true"), (False, "false"), ("True", "True")],
)
def test_a_value_votes_by_one_spelling(value: Any, label: str | None) -> None:
    assert as_label(value) == label
