"""Sources classified in batches, by a real encoder, into real files."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.answers.batches import Answer, AnsweredQuery, answers, classifying, searching
from indexer.answers.layouts import NEIGHBORS
from indexer.answers.queries import (
    EmbeddingQueries,
    PictureQueries,
    RejectedQuery,
    is_source,
    opened_pictures,
)
from indexer.exchange.exporting import export_embeddings
from search_engine.catalog.filters import parse_filter
from search_engine.classifiers.collection import train
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import (
    CollectionNotFoundError,
    ModelMismatchError,
    ParameterError,
    SourceError,
    UnknownFieldError,
)
from search_engine.records import Prediction, SearchResult
from search_engine.search.options import SearchOptions, search_options
from search_engine.vote.question import Question
from search_engine.vote.tally import VoteRule
from tests.conftest import copy_data
from tests.images.pictures import CORRUPT, animated
from tests.indexer.test_answer_files import read, write


@pytest.fixture(scope="module")
def engine(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    """The drawn catalog; batches are small, so that there are several."""
    copy = tmp_path_factory.mktemp("batch") / "data"
    copy_data(hsv_data, copy)
    with SearchEngine(settings=Settings(data=copy, batch_size=4, workers=2)) as engine:
        yield engine


@pytest.fixture
def photos(sample: Path) -> list[Path]:
    """Pictures of items."""
    return sorted((sample / "images").rglob("*.jpg"))[:14]


@pytest.fixture
def folder(photos: list[Path], tmp_path: Path) -> Path:
    """Twelve pictures, of which the second, the third and the last are none."""
    root = tmp_path / "shoots"
    for number, photo in enumerate(photos[:12]):
        path = root / "ab"[number % 2] / f"{number:02d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, path)
    for path, content in zip(_bad(root), CORRUPT.values(), strict=False):
        path.write_bytes(content)
    return root


def _bad(root: Path) -> list[Path]:
    every = sorted(root.rglob("*.jpg"), key=lambda path: path.relative_to(root).as_posix())
    return [every[1], every[2], every[-1]]


def classified(rows: Sequence[Answer]) -> list[AnsweredQuery]:
    return [row for row in rows if isinstance(row, AnsweredQuery)]


def classify(
    engine: SearchEngine, paths: Sequence[Path], question: Question | None = None
) -> list[Answer]:
    with opened_pictures(paths, engine.settings) as source:
        ask = classifying(engine, "default", question)
        return list(answers(PictureQueries(source), ask, engine.settings.batch_size))


def search(
    engine: SearchEngine,
    paths: Sequence[Path],
    like: Sequence[str] = (),
    unlike: Sequence[str] = (),
    **options: Any,
) -> list[Answer]:
    checked = search_options(options)
    beside = {"like": like, "unlike": unlike, "box": checked.box, "regions": checked.regions}
    with opened_pictures(paths, engine.settings) as source:
        queries = PictureQueries(source, beside)
        return list(answers(queries, searching(engine, "default", checked), 4))


def found(row: Answer | SearchResult) -> Any:
    """Ids and scores; scores equal as far as batches go, which hold for hsv exactly."""
    if isinstance(row, RejectedQuery):
        return row.code
    result = row.result if isinstance(row, AnsweredQuery) else row
    return [(each.item.item_id, each.score) for each in result.neighbors]


def prediction(row: AnsweredQuery) -> Prediction:
    assert row.result.prediction is not None
    return row.result.prediction


def test_rows_come_in_the_order_of_the_source(engine: SearchEngine, folder: Path) -> None:
    rows = classify(engine, [folder])
    wanted = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))
    assert [row.query_id for row in rows] == wanted
    assert [row.path for row in rows] == [(folder / each).resolve() for each in wanted]
    bad = [row.path for row in rows if isinstance(row, RejectedQuery)]
    assert bad == [path.resolve() for path in _bad(folder)]


def test_answers_are_those_of_single_pictures(engine: SearchEngine, folder: Path) -> None:
    rows = classify(engine, [folder], engine.question(k=5))
    for row in classified(rows):
        alone = engine.classify(row.path, k=5)
        assert alone.prediction is not None
        assert prediction(row).label == alone.prediction.label
        assert prediction(row).votes == pytest.approx(alone.prediction.votes)
        assert [one.item.item_id for one in row.result.neighbors] == [
            one.item.item_id for one in alone.neighbors
        ]
        for ours, theirs in zip(row.result.neighbors, alone.neighbors, strict=True):
            assert ours.score == pytest.approx(theirs.score, abs=1e-3)


def test_pictures_by_name_need_no_folder(engine: SearchEngine, photos: list[Path]) -> None:
    rows = classify(engine, photos[:3], engine.question(k=1))
    assert [row.query_id for row in rows] == [str(path) for path in photos[:3]]
    assert all(row.result.neighbors[0].score > 0.99 for row in classified(rows))


def test_folders_and_pictures_mix(engine: SearchEngine, folder: Path, photos: list[Path]) -> None:
    rows = classify(engine, [photos[0], folder, folder / "missing.jpg"], engine.question(k=1))
    assert len(rows) == 14
    assert rows[0].path == photos[0]
    assert isinstance(rows[-1], RejectedQuery)
    assert rows[-1].path == folder / "missing.jpg"
    assert rows[-1].code == "not_found"


def test_a_table_names_its_pictures(engine: SearchEngine, folder: Path) -> None:
    (folder / "list.csv").write_text(
        "sku,file,colour\nx,a/00.jpg,red\ny,missing.jpg,\nz,b/01.jpg,\nshort\n"
    )
    rows = classify(engine, [folder / "list.csv"])
    assert [row.query_id for row in rows] == ["x", "y", "z", None]
    assert [getattr(row, "code", None) for row in rows] == [
        None,
        "missing_file",
        None,
        "ragged_row",
    ]


def test_a_table_is_a_source_by_itself(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("item_id,image\n")
    with pytest.raises(ParameterError, match="a table cannot be combined with other sources"):
        is_source([tmp_path / "list.csv", tmp_path / "a.jpg"])
    with (
        pytest.raises(SourceError),
        opened_pictures([tmp_path / "none.csv"], Settings(data=tmp_path)),
    ):
        pass


def test_an_animated_picture_is_classified_by_its_first_frame(
    engine: SearchEngine, tmp_path: Path
) -> None:
    (tmp_path / "moving.gif").write_bytes(animated("GIF"))
    (row,) = classify(engine, [tmp_path / "moving.gif"])
    assert isinstance(row, AnsweredQuery)


def test_a_source_without_pictures_gives_nothing(engine: SearchEngine, tmp_path: Path) -> None:
    assert classify(engine, [tmp_path]) == []


@pytest.mark.parametrize(
    "asked",
    [{}, {"k": 3}, {"k": 60}, {"k": 5, "group_by": "view"}, {"min_score": 0.9}, {"vote_k": 4}],
    ids=str,
)
def test_many_are_asked_as_one_is(
    engine: SearchEngine, photos: list[Path], asked: dict[str, Any]
) -> None:
    """Whatever is shown: who votes, the class and what is shown are those of one photo alone."""
    question = engine.question(**asked)
    rows = classified(classify(engine, photos[:6], question))
    for row in rows:
        alone = engine.classify(row.path, **asked)
        mine, theirs = prediction(row), alone.prediction
        assert theirs is not None
        assert (mine.label, mine.voters, mine.calibrated) == (
            theirs.label, theirs.voters, theirs.calibrated,
        )  # fmt: skip
        assert [one.item.item_id for one in row.result.neighbors] == [
            one.item.item_id for one in alone.neighbors
        ]


def test_the_caller_says_how_neighbors_vote(engine: SearchEngine, folder: Path) -> None:
    rule = VoteRule(weights="uniform", k=7)
    rows = classify(engine, [folder], engine.question(rule=rule))
    assert {prediction(row).voters for row in classified(rows)} == {7}
    assert {len(row.result.neighbors) for row in classified(rows)} == {7}


def test_a_trained_classifier_answers_and_neighbors_are_evidence(
    engine: SearchEngine, photos: list[Path]
) -> None:
    train(engine.catalog, "default", "class-mean")
    question = engine.question(classifier="class-mean", k=3)
    rows = classified(classify(engine, photos, question))
    assert all(prediction(row).calibrated for row in rows)
    assert all(len(row.result.neighbors) == 3 for row in rows)
    right = [prediction(row).label == row.result.neighbors[0].item.label for row in rows]
    assert sum(right) > len(rows) / 2


def test_a_filter_says_who_may_vote(engine: SearchEngine, photos: list[Path]) -> None:
    front = engine.question(filter=parse_filter({"field": "view", "eq": "front"}), k=4)
    rows = classified(classify(engine, photos, front))
    views = {one.item.attributes["view"] for row in rows for one in row.result.neighbors}
    assert views == {"front"}
    nope = engine.question(filter=parse_filter({"field": "nope", "eq": 1}))
    with pytest.raises(UnknownFieldError):
        classify(engine, photos, nope)


def test_of_each_group_only_the_best_is_shown(engine: SearchEngine, photos: list[Path]) -> None:
    """As `search` groups: by a field that few items share, and by one that has four values."""
    for field, k in (("product_id", 6), ("view", 10)):
        question = engine.question(group_by=field, k=k)
        for row in classified(classify(engine, photos[:3], question)):
            alone = engine.search(row.path, k=k, group_by=field)
            assert [one.item.item_id for one in row.result.neighbors] == [
                one.item.item_id for one in alone.neighbors
            ]
    with pytest.raises(ParameterError, match="no such field"):
        classifying(engine, "default", engine.question(group_by="nope"))


def test_what_cannot_be_done_is_said_before_the_first_row(engine: SearchEngine) -> None:
    with pytest.raises(CollectionNotFoundError):
        classifying(engine, "none")
    if "empty" not in {one.name for one in engine.catalog.collections()}:
        engine.create_collection("empty")
    with pytest.raises(ParameterError, match="'empty' is empty"):
        classifying(engine, "empty")


@pytest.mark.parametrize("options", [{"rerank": "dba"}, {"rerank": "geometric", "k": 3}])
def test_photos_are_reranked_as_one_is(
    engine: SearchEngine, photos: list[Path], options: dict[str, Any]
) -> None:
    if options["rerank"] == "geometric":
        pytest.importorskip("cv2")
    rows = classify(engine, photos[:4], engine.question(**options))
    assert len(rows) == 4
    for photo, row in zip(photos[:4], rows, strict=True):
        assert isinstance(row, AnsweredQuery)
        alone = engine.classify(photo, **options)
        assert [one.item.item_id for one in row.result.neighbors] == [
            one.item.item_id for one in alone.neighbors
        ]
        assert alone.prediction is not None
        assert prediction(row).label == alone.prediction.label


SEARCHES: list[dict[str, Any]] = [
    {},
    {"k": 3, "filter": "view = front"},
    {"k": 4, "group_by": "product_id", "min_score": 0.2},
    {"k": 5, "box": "0.1,0.2,0.5,0.5"},
    {"k": 5, "box": "10px,20px,60px,60px"},
    {"k": 5, "regions": "auto"},
    {"k": 5, "rerank": "k-reciprocal"},
    {"k": 5, "diversity": 0.5},
    {"k": 5, "boost": "price:-0.01"},
]


@pytest.mark.parametrize("options", SEARCHES, ids=str)
def test_many_are_searched_as_one_is(
    engine: SearchEngine, folder: Path, options: dict[str, Any]
) -> None:
    rows = search(engine, [folder], **options)
    assert len(rows) == 12
    for row in rows:
        if isinstance(row, AnsweredQuery):
            assert row.path is not None
            assert found(row) == found(engine.search(row.path, **options))
    assert sum(isinstance(row, RejectedQuery) for row in rows) == 3


def test_all_are_searched_with_the_same_examples(engine: SearchEngine, photos: list[Path]) -> None:
    ids = [each.item_id for each in engine.items()][:3]
    rows = search(engine, photos[:5], like=ids[:2], unlike=ids[2:], mix="best")
    for row in rows:
        assert isinstance(row, AnsweredQuery)
        alone = engine.search(row.path, like=ids[:2], unlike=ids[2:], mix="best")
        assert found(row) == found(alone)


def test_embeddings_are_queries(engine: SearchEngine, tmp_path: Path) -> None:
    items = [each.item_id for each in engine.items()][:6]
    vectors = np.concatenate([engine.similar(each, k=1).vector for each in items])
    fingerprint = engine.live("default").record.fingerprint
    np.save(tmp_path / "plain.npy", vectors * 3)
    np.save(tmp_path / "one.npy", vectors[0])
    everything = export_embeddings(engine.catalog, "default", tmp_path / "all.npy").rows
    for file, count in (("plain.npy", 6), ("one.npy", 1), ("all.npy", everything)):
        queries = EmbeddingQueries(tmp_path / file, fingerprint)
        rows = list(answers(queries, searching(engine, "default", SearchOptions(k=1)), 4))
        assert len(queries) == len(rows) == count
        best = [found(row)[0][0] for row in rows]
        wanted = items if file != "all.npy" else [row.query_id for row in rows]
        assert sum(a == b for a, b in zip(best, wanted, strict=False)) >= len(best) - 2
    assert [row.query_id for row in rows][:6] == items


def test_embeddings_of_another_encoder_are_refused(engine: SearchEngine, tmp_path: Path) -> None:
    export_embeddings(engine.catalog, "default", tmp_path / "all.npy")
    with pytest.raises(ModelMismatchError, match="another encoder"):
        EmbeddingQueries(tmp_path / "all.npy", "0" * 32)
    np.save(tmp_path / "texts.npy", np.array(["a"]))
    with pytest.raises(SourceError, match="of shape"):
        EmbeddingQueries(tmp_path / "texts.npy", None)
    np.save(tmp_path / "short.npy", np.ones((2, 3)))
    queries = EmbeddingQueries(tmp_path / "short.npy", None)
    rows = list(answers(queries, searching(engine, "default", SearchOptions()), 4))
    assert [getattr(row, "code", None) for row in rows] == ["bad_parameter"] * 2


def test_an_archive_is_read_without_being_kept(
    engine: SearchEngine, folder: Path, tmp_path: Path
) -> None:
    archive = shutil.make_archive(str(tmp_path / "shoots"), "zip", folder)
    rows = search(engine, [Path(archive)], k=2)
    plain = search(engine, [folder], k=2)
    assert [row.query_id for row in rows] == [row.query_id for row in plain]
    assert [found(row) for row in rows] == [found(row) for row in plain]
    assert not any(path is not None and path.exists() for path in (row.path for row in rows))


def test_a_row_for_each_neighbor(engine: SearchEngine, folder: Path, tmp_path: Path) -> None:
    rows = [*search(engine, [folder], k=3), *search(engine, [folder], min_score=1.0, k=1)]
    records = [record for row in rows for record in NEIGHBORS.records(row)]
    first = [record for record in records if record["query"] == rows[0].query_id][:3]
    assert [record["rank"] for record in first] == [1, 2, 3]
    assert [(each["item_id"], each["score"]) for each in first] == [
        (item, round(score, 6)) for item, score in found(rows[0])
    ]
    refused = [record for record in records if record["error_code"]]
    assert len(refused) == 6
    assert {record["rank"] for record in refused} == {None}
    for suffix in (".parquet", ".jsonl"):
        write(tmp_path / f"out{suffix}", NEIGHBORS, rows)
        assert read(tmp_path / f"out{suffix}") == records


def test_a_query_that_finds_nothing_has_a_row(engine: SearchEngine, photos: list[Path]) -> None:
    (row,) = search(engine, photos[:1], filter="view = front and price > 1e9")
    (record,) = NEIGHBORS.records(row)
    assert {name for name, value in record.items() if value is not None} == {"path", "query"}
