"""The comparison of whole products: right questions, right marks."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks import products
from benchmarks.rivals.base import Place
from benchmarks.rivals.child import Child
from benchmarks.rivals.exact import exact_truth_within, index_recall
from benchmarks.rivals.items import ItemTable, filter_kinds, fulfil, make_items
from benchmarks.rivals.product_examiner import ProductExaminer, Stock
from benchmarks.rivals.registry import OURS, PRODUCTS, left_out
from search_engine.catalog.filters import Condition
from tests.small_catalog import unit_vectors

pytestmark = pytest.mark.slow

ITEMS = ItemTable(
    price=np.array([10.0, 20.0, 30.0]),
    brand=np.array(["A", "B", "A"]),
    label=np.array(["Home/Mug", "Home", "Homes/Mug"]),
)


@pytest.fixture(autouse=True)
def _made_up_vectors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.vectors.DATASETS", tmp_path / "no datasets")


@pytest.mark.parametrize(
    ("condition", "numbers"),
    [
        (None, [0, 1, 2]),
        (Condition("price", "lt", 20.0), [0]),
        (Condition("brand", "eq", "A"), [0, 2]),
        (Condition("label", "eq", "Home"), [1]),
        (Condition("label", "under", "Home"), [0]),
    ],
)
def test_who_fulfils_a_condition(condition: Condition | None, numbers: list[int]) -> None:
    assert np.flatnonzero(fulfil(ITEMS, condition)).tolist() == numbers


def test_a_condition_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="no such condition"):
        fulfil(ITEMS, Condition("price", "gt", 1.0))


def test_filters_leave_the_share_they_say() -> None:
    items = make_items(100_000)
    random = np.random.default_rng(0)
    for kind in filter_kinds():
        shares = [fulfil(items, kind.draw(random)).mean() for _ in range(5)]
        assert np.mean(shares) == pytest.approx(kind.share, rel=0.15), kind.name


def test_the_truth_under_a_filter_has_as_many_places_as_matches() -> None:
    base = unit_vectors(50)
    allowed = np.zeros(50, dtype=np.bool_)
    allowed[[3, 7]] = True
    truth = exact_truth_within(base, base[3], allowed, 10)
    assert truth.places.tolist() == [2]
    assert truth.last_scores[0] == pytest.approx(float(base[7] @ base[3]))
    nothing = exact_truth_within(base, base[3], ~allowed & allowed, 10)
    assert nothing.places.tolist() == [0]
    assert index_recall(np.full((1, 10), -1), nothing, base, base[3:4]) == 0.0


def test_the_item_itself_and_what_breaks_the_condition_earn_nothing() -> None:
    base, items = unit_vectors(400), make_items(400)
    kind = next(kind for kind in filter_kinds() if kind.name == "price below")
    exam = products.make_exam(kind, base, items)
    right = np.stack(
        [best(base, items, each.item, each.query, each.condition) for each in exam.questions]
    )
    assert exam.marks(right, base, items) == {"recall": 1.0, "returned": 10.0, "wanted": 10.0}
    own, wrong = right.copy(), right.copy()
    own[:, 0] = [each.item for each in exam.questions]
    wrong[:, 0] = np.flatnonzero(items.price > 50)[0]
    for spoilt in (own, wrong):
        assert exam.marks(spoilt, base, items)["recall"] == 0.9
    assert exam.marks(right[:7], base, items)["recall"] == 1.0


def best(
    base: np.ndarray, items: ItemTable, item: int, query: np.ndarray, condition: Condition | None
) -> np.ndarray:
    """The ten nearest others, by sorting all."""
    scores = np.where(fulfil(items, condition), base @ query, -2)
    scores[item] = -2
    return np.argsort(-scores)[:10]


@pytest.mark.parametrize("name", PRODUCTS)
def test_every_product_filters_as_it_is_told(tmp_path: Path, name: str) -> None:
    for reason in left_out([name], PRODUCTS).values():
        pytest.skip(reason)
    base, items = unit_vectors(600, dimension=32), make_items(600)
    stock = Stock(tmp_path)
    stock.save(base, items)
    place = Place(2, tmp_path / name)
    place.folder.mkdir()
    exams = [products.make_exam(kind, base, items) for kind in filter_kinds()]
    with Child(partial(ProductExaminer, name, stock, place), threads=2) as child:
        filled = child.ask("ingest")
        answers = [child.ask("similar", exam.questions[:20], 10, 60.0) for exam in exams]
        _, searched = child.ask("search", base[:20], 10, 60.0)
        sizes = child.ask("sizes")
    assert filled["documentation"]
    assert sizes["disk_mb"] > 0
    assert (searched[:, 0] == np.arange(20)).mean() > 0.9
    for exam, (latencies, found) in zip(exams, answers, strict=True):
        assert len(latencies) == len(found) == 20
        for question, row in zip(exam.questions, found, strict=False):
            ids = row[row >= 0]
            assert fulfil(items, question.condition)[ids].all(), exam.kind.name
            assert question.item not in ids
    assert exams[1].marks(answers[1][1], base, items)["recall"] > 0.9


def test_the_command_compares_and_keeps_results(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "results.jsonl"
    products.main(command("--json", "--out", str(out)))
    (only,) = json.loads(capsys.readouterr().out)["rows"]
    assert only["search"]["recall"] > 0.99
    assert [each["filter"] for each in only["filters"]] == [kind.name for kind in filter_kinds()]
    for each in only["filters"]:
        assert each["recall"] > 0.99
        assert each["returned"] == each["wanted"]
    assert only["resident_mb"] > only["resident_before_mb"] > 0
    events = [json.loads(line)["event"] for line in out.read_text().splitlines()]
    assert events == ["filled", "row"]


def test_the_command_prints_tables(capsys: pytest.CaptureFixture[str]) -> None:
    products.main(command())
    printed = capsys.readouterr().out
    assert "brand is" in printed
    assert "Flat" in printed


def command(*more: str) -> list[str]:
    """A small run of ours, unless told otherwise."""
    return ["--count", "500", "--dimension", "16", "--runs", "1", "--engines", OURS, *more]
