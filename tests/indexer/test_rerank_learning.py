"""An order that is learned from feedback: better for who looks for labels, refused for chance."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.feedback.impressions import impressions
from indexer.feedback.judging import counts_of, standings
from indexer.feedback.reranking import learn_reranker, learned_order, undo_learning
from search_engine.catalog.reranker_rows import keep_reranker
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.feedback.events import Event, Kind
from search_engine.search.rerank.features import FEATURES, Metric
from search_engine.search.rerank.learned import Reranker
from tests.indexer.jobs.doing import do
from tests.small_catalog import FINGERPRINT, bound_collection, draft, open_catalog, put

pytestmark = pytest.mark.long

ITEMS, LABELS, DIMENSION, VISITS, SHOWN = 200, 5, 8, 500, 8
Chance = Callable[[bool], float]
"""Whether an item has the label of the query, to how probable it is that it is chosen."""


def drafts() -> Iterator[tuple[str, np.ndarray, str]]:
    """Items around the direction of their label, which the noise nearly hides."""
    rng = np.random.default_rng(3)
    for n in range(ITEMS):
        row = rng.normal(size=DIMENSION) * 0.45
        row[n % LABELS] += 1.0
        yield f"i{n:03}", (row / np.linalg.norm(row)).astype(np.float32), f"l{n % LABELS}"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SearchEngine]:
    with open_catalog(tmp_path) as catalog:
        record = bound_collection(catalog)
        put(catalog, record, [draft(name, row, label=label) for name, row, label in drafts()])
    with SearchEngine(tmp_path) as engine:
        yield engine


def visit(engine: SearchEngine, chance: Chance, visits: int = VISITS) -> None:
    """Visits that look at the first places first; a fifth of the items is never asked with."""
    rng = np.random.default_rng(1)
    events = []
    for number in range(visits):
        asked = f"i{rng.integers(ITEMS * 4 // 5):03}"
        label = f"l{int(asked[1:]) % LABELS}"
        for place, each in enumerate(engine.similar(asked, k=SHOWN).neighbors, 1):
            is_chosen = rng.random() < chance(each.item.label == label) / place
            event = Event(
                "clicked" if is_chosen else "shown", each.item.item_id, query_item_id=asked,
                position=place, session=str(number),
            )  # fmt: skip
            events.append(event)
    for start in range(0, len(events), 1_000):
        assert not engine.feedback.add(events[start : start + 1_000]).refused


def by_label(is_right: bool) -> float:
    return 0.9 if is_right else 0.1


def by_chance(is_right: bool) -> float:
    return 0.5


def precision(engine: SearchEngine, rerank: str | None) -> float:
    """Of the items that nobody has asked with."""
    found = []
    for n in range(ITEMS * 4 // 5, ITEMS):
        neighbors = engine.similar(f"i{n:03}", k=10, rerank=rerank).neighbors
        found.append(np.mean([each.item.label == f"l{n % LABELS}" for each in neighbors]))
    return float(np.mean(found))


def test_what_is_learned_from_choices_finds_more_of_them(engine: SearchEngine) -> None:
    visit(engine, by_label)
    before = precision(engine, None)
    learned = learn_reranker(engine, "default")
    assert learned.used
    assert learned.judged.accepted
    assert precision(engine, "learned") > before + 0.05
    assert learned.reranker.facts["position_bias"] < -0.5
    scores = [each.score for each in engine.similar("i000", k=50, rerank="learned").neighbors]
    plain = [each.score for each in engine.similar("i000", k=200).neighbors]
    assert set(scores) <= set(plain)


@pytest.mark.slow
def test_what_is_learned_from_chance_is_refused(engine: SearchEngine) -> None:
    visit(engine, by_chance)
    learned = learn_reranker(engine, "default")
    assert not learned.used
    with pytest.raises(ParameterError, match="no order was learned"):
        engine.similar("i000", rerank="learned")
    assert learn_reranker(engine, "default", force=True).used
    assert engine.similar("i000", rerank="learned").neighbors


def test_a_trial_changes_nothing(engine: SearchEngine) -> None:
    visit(engine, by_label)
    learned = learn_reranker(engine, "default", dry_run=True)
    assert learned.judged.accepted
    assert not learned.used
    assert learned_order(engine, "default") is None


def test_too_little_is_said_to_be_so(engine: SearchEngine) -> None:
    with pytest.raises(ParameterError, match="0 events"):
        learn_reranker(engine, "default")
    visit(engine, by_label, visits=20)
    with pytest.raises(ParameterError, match="100 visits are needed"):
        learn_reranker(engine, "default")
    choices = [Event("clicked", f"i{n:03}", query_item_id=f"i{n + 1:03}") for n in range(ITEMS - 1)]
    engine.feedback.delete()
    engine.feedback.add(choices)  # of what was left, nothing is known
    with pytest.raises(ParameterError, match="0 visits"):
        learn_reranker(engine, "default")


def test_a_job_learns_and_another_goes_back(engine: SearchEngine) -> None:
    failed = do(engine.settings.data, "rerank")
    assert failed.error is not None
    assert "0 events" in failed.error["message"]
    visit(engine, by_label)
    learned = do(engine.settings.data, "rerank")
    assert learned.result is not None
    assert (learned.state, learned.stage, learned.result["used"]) == ("done", "learning", True)
    assert set(learned.result["weights"]) == set(FEATURES)
    assert engine.similar("i000", rerank="learned").neighbors
    assert do(engine.settings.data, "rerank", undo=True).result == {"current": None}
    assert learned_order(engine, "default") is None


def learned_by(**weights: float) -> Reranker:
    return Reranker(FINGERPRINT, {**dict.fromkeys(FEATURES, 0.0), **weights}, facts={"by": "hand"})


def keep(engine: SearchEngine, reranker: Reranker) -> None:
    record = engine.catalog.collection("default")
    with engine.catalog.write() as writer:
        keep_reranker(writer.connection, record.id, reranker.stored())


def order(engine: SearchEngine) -> list[str]:
    return [each.item.item_id for each in engine.similar("i000", k=20, rerank="learned").neighbors]


def test_one_undo_goes_back_to_the_order_before(engine: SearchEngine) -> None:
    with pytest.raises(ParameterError, match="no order was learned"):
        undo_learning(engine, "default")
    keep(engine, learned_by(cosine=1))
    first = order(engine)
    keep(engine, learned_by(cosine=-1))
    assert order(engine) != first
    former = undo_learning(engine, "default")
    assert former is not None
    assert former.facts == {"by": "hand"}
    assert order(engine) == first
    assert undo_learning(engine, "default") is None
    assert learned_order(engine, "default") is None


def test_each_feature_orders_as_it_says(engine: SearchEngine) -> None:
    plain = [each.item.item_id for each in engine.similar("i000", k=199).neighbors]
    keep(engine, learned_by(cosine=1))
    assert order(engine) == plain[:20]
    keep(engine, learned_by(label=1))
    labels = [f"l{int(each[1:]) % LABELS}" for each in order(engine)]
    assert len(set(labels)) == 1
    keys = {each.item_id: each.key for each in engine.items()}
    popular = replace(learned_by(popularity=1), popularity={keys["i150"]: 1.0, keys["i151"]: 2.0})
    keep(engine, popular)
    assert order(engine)[:3] == ["i151", "i150", plain[0]]
    axis = np.zeros((DIMENSION, 1), dtype=np.float32)
    axis[4] = 1.0
    metric = Metric(np.zeros(DIMENSION, dtype=np.float32), axis)
    keep(engine, replace(learned_by(metric=1), metric=metric))
    rows = {name: row for name, row, _ in drafts()}
    side = np.sign(rows["i000"][4])
    assert all(np.sign(rows[name][4]) == side for name in order(engine))


def test_attributes_of_the_item_that_is_asked_with_count(engine: SearchEngine) -> None:
    for name in ("i000", "i150", "i151"):
        engine.describe(name, {"attributes": {"brand": "acme"}})
    keep(engine, learned_by(attributes=1))
    assert set(order(engine)[:2]) == {"i150", "i151"}


def test_an_order_for_another_encoder_is_refused(engine: SearchEngine) -> None:
    keep(engine, replace(learned_by(cosine=1), fingerprint="another"))
    with pytest.raises(ParameterError, match="another encoder"):
        engine.similar("i000", rerank="learned")


def test_an_order_that_cannot_be_read_is_none(engine: SearchEngine) -> None:
    record = engine.catalog.collection("default")
    with engine.catalog.write() as writer:
        keep_reranker(writer.connection, record.id, {"weights": 3})
    with pytest.raises(ParameterError, match="no order was learned"):
        engine.similar("i000", rerank="learned")


def test_a_dislike_outweighs_what_the_same_visit_did_before(engine: SearchEngine) -> None:
    at = time.time() - 10
    done: list[tuple[Kind, str, int | None]] = [
        ("shown", "i001", 1),
        ("liked", "i001", None),
        ("shown", "i002", 2),
    ]
    shown = [
        Event(kind, name, query_item_id="i000", position=place, session="a", at=at)
        for kind, name, place in done
    ]
    engine.feedback.add([*shown, Event("disliked", "i001", query_item_id="i000", session="a")])
    (one,) = impressions(engine, engine.live("default"))
    assert one.grades.tolist() == [-1.0, 0.0]
    assert one.positions.tolist() == [1.0, 2.0]


def test_standings_by_hand() -> None:
    assert standings([0.1, 0.9, 0.5]).tolist() == [0.0, 1.0, 0.5]


def test_what_is_chosen_far_down_counts_more(engine: SearchEngine) -> None:
    done: dict[int, Kind] = {1: "clicked", 4: "bought", 5: "shown"}
    events = [
        Event(kind, f"i{place:03}", query_item_id="i000", position=place)
        for place, kind in done.items()
    ]
    engine.feedback.add(events)
    (one,) = impressions(engine, engine.live("default"))
    assert counts_of(one, bias=-1.0).tolist() == [1.0, 3.0 * 4.0, 0.0]
    assert counts_of(one, bias=0.5).tolist() == [1.0, 3.0, 0.0]
