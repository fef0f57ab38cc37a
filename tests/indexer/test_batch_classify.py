"""Sources classified in batches, by a real encoder, into real files."""

import csv
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow.parquet
import pytest

from indexer.classify import answers as answer_files
from indexer.classify.answers import COLUMNS, FIELDS, answer_file, check_output, flat, record_of
from indexer.classify.batches import (
    BatchRow,
    ClassifiedRow,
    RejectedRow,
    classify_source,
    open_pictures,
)
from search_engine.catalog.filters import parse_filter
from search_engine.classifiers.collection import train
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import (
    CollectionNotFoundError,
    MissingExtraError,
    ParameterError,
    SourceError,
    StorageError,
    UnknownFieldError,
)
from search_engine.records import CatalogItem, Neighbor, Prediction, SearchResult, ValueChance, Vote
from search_engine.vote.tally import VoteRule
from tests.conftest import copy_data
from tests.images.pictures import CORRUPT, animated


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


def classified(rows: Sequence[BatchRow]) -> list[ClassifiedRow]:
    return [row for row in rows if isinstance(row, ClassifiedRow)]


def test_rows_come_in_the_order_of_the_source(engine: SearchEngine, folder: Path) -> None:
    rows = list(classify_source(engine, open_pictures([folder])))
    wanted = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))
    assert [row.item_id for row in rows] == wanted
    assert [row.path for row in rows] == [(folder / each).resolve() for each in wanted]
    bad = [row.path for row in rows if isinstance(row, RejectedRow)]
    assert bad == [path.resolve() for path in _bad(folder)]


def test_answers_are_those_of_single_pictures(engine: SearchEngine, folder: Path) -> None:
    rows = list(classify_source(engine, open_pictures([folder]), engine.question(k=5)))
    for row in classified(rows):
        alone = engine.classify(row.path, k=5)
        assert alone.prediction is not None
        assert row.prediction.label == alone.prediction.label
        assert row.prediction.votes == pytest.approx(alone.prediction.votes)
        assert [one.item.item_id for one in row.neighbors] == [
            one.item.item_id for one in alone.neighbors
        ]
        for ours, theirs in zip(row.neighbors, alone.neighbors, strict=True):
            assert ours.score == pytest.approx(theirs.score, abs=1e-3)


def test_pictures_by_name_need_no_folder(engine: SearchEngine, photos: list[Path]) -> None:
    rows = list(classify_source(engine, open_pictures(photos[:3]), engine.question(k=1)))
    assert [row.item_id for row in rows] == [str(path) for path in photos[:3]]
    assert all(row.neighbors[0].score > 0.99 for row in classified(rows))


def test_folders_and_pictures_mix(engine: SearchEngine, folder: Path, photos: list[Path]) -> None:
    source = open_pictures([photos[0], folder, folder / "missing.jpg"])
    rows = list(classify_source(engine, source, engine.question(k=1)))
    assert len(source) == len(rows) == 14
    assert rows[0].path == photos[0]
    assert isinstance(rows[-1], RejectedRow)
    assert rows[-1].path == folder / "missing.jpg"
    assert rows[-1].code == "not_found"


def test_a_table_names_its_pictures(engine: SearchEngine, folder: Path) -> None:
    (folder / "list.csv").write_text(
        "sku,file,colour\nx,a/00.jpg,red\ny,missing.jpg,\nz,b/01.jpg,\nshort\n"
    )
    source = open_pictures([folder / "list.csv"])
    rows = list(classify_source(engine, source))
    assert [row.item_id for row in rows] == ["x", "y", "z", None]
    assert [getattr(row, "code", None) for row in rows] == [
        None,
        "missing_file",
        None,
        "ragged_row",
    ]


def test_a_table_is_a_source_by_itself(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("item_id,image\n")
    with pytest.raises(ParameterError, match="a table cannot be combined with other sources"):
        open_pictures([tmp_path / "list.csv", tmp_path / "a.jpg"])
    with pytest.raises(SourceError):
        open_pictures([tmp_path / "none.csv"])


def test_an_animated_picture_is_classified_by_its_first_frame(
    engine: SearchEngine, tmp_path: Path
) -> None:
    (tmp_path / "moving.gif").write_bytes(animated("GIF"))
    (row,) = classify_source(engine, open_pictures([tmp_path / "moving.gif"]))
    assert isinstance(row, ClassifiedRow)


def test_a_source_without_pictures_gives_nothing(engine: SearchEngine, tmp_path: Path) -> None:
    assert list(classify_source(engine, open_pictures([tmp_path]))) == []


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
    rows = classified(list(classify_source(engine, open_pictures(photos[:6]), question)))
    for row in rows:
        alone = engine.classify(row.path, **asked)
        mine, theirs = row.prediction, alone.prediction
        assert theirs is not None
        assert (mine.label, mine.voters, mine.calibrated) == (
            theirs.label, theirs.voters, theirs.calibrated,
        )  # fmt: skip
        assert [one.item.item_id for one in row.neighbors] == [
            one.item.item_id for one in alone.neighbors
        ]


def test_the_caller_says_how_neighbors_vote(engine: SearchEngine, folder: Path) -> None:
    rule = VoteRule(weights="uniform", k=7)
    rows = list(classify_source(engine, open_pictures([folder]), engine.question(rule=rule)))
    assert {row.prediction.voters for row in classified(rows)} == {7}
    assert {len(row.neighbors) for row in classified(rows)} == {7}


def test_a_trained_classifier_answers_and_neighbors_are_evidence(
    engine: SearchEngine, photos: list[Path]
) -> None:
    train(engine.catalog, "default", "class-mean")
    question = engine.question(classifier="class-mean", k=3)
    rows = classified(list(classify_source(engine, open_pictures(photos), question)))
    assert all(row.prediction.calibrated for row in rows)
    assert all(len(row.neighbors) == 3 for row in rows)
    right = [row.prediction.label == row.neighbors[0].item.label for row in rows]
    assert sum(right) > len(rows) / 2


def test_a_filter_says_who_may_vote(engine: SearchEngine, photos: list[Path]) -> None:
    front = engine.question(filter=parse_filter({"field": "view", "eq": "front"}), k=4)
    rows = classified(list(classify_source(engine, open_pictures(photos), front)))
    views = {one.item.attributes["view"] for row in rows for one in row.neighbors}
    assert views == {"front"}
    nope = engine.question(filter=parse_filter({"field": "nope", "eq": 1}))
    with pytest.raises(UnknownFieldError):
        classify_source(engine, open_pictures(photos), nope)


def test_of_each_group_only_the_best_is_shown(engine: SearchEngine, photos: list[Path]) -> None:
    """As `search` groups: by a field that few items share, and by one that has four values."""
    for field, k in (("product_id", 6), ("view", 10)):
        question = engine.question(group_by=field, k=k)
        rows = classify_source(engine, open_pictures(photos[:3]), question)
        for row in classified(list(rows)):
            alone = engine.search(row.path, k=k, group_by=field)
            assert [one.item.item_id for one in row.neighbors] == [
                one.item.item_id for one in alone.neighbors
            ]
    with pytest.raises(ParameterError, match="no such field"):
        classify_source(engine, open_pictures([]), engine.question(group_by="nope"))


def test_what_cannot_be_done_is_said_before_the_first_row(engine: SearchEngine) -> None:
    with pytest.raises(CollectionNotFoundError):
        classify_source(engine, open_pictures([]), collection="none")
    if "empty" not in {one.name for one in engine.catalog.collections()}:
        engine.create_collection("empty")
    with pytest.raises(ParameterError, match="'empty' is empty"):
        classify_source(engine, open_pictures([]), collection="empty")


@pytest.mark.parametrize("options", [{"rerank": "dba"}, {"rerank": "geometric", "k": 3}])
def test_photos_are_reranked_as_one_is(
    engine: SearchEngine, photos: list[Path], options: dict[str, Any]
) -> None:
    if options["rerank"] == "geometric":
        pytest.importorskip("cv2")
    rows = list(classify_source(engine, open_pictures(photos[:4]), engine.question(**options)))
    assert len(rows) == 4
    for photo, row in zip(photos[:4], rows, strict=True):
        assert isinstance(row, ClassifiedRow)
        alone = engine.classify(photo, **options)
        assert [one.item.item_id for one in row.neighbors] == [
            one.item.item_id for one in alone.neighbors
        ]
        assert alone.prediction is not None
        assert row.prediction.label == alone.prediction.label


def test_a_region_is_of_one_photo(engine: SearchEngine) -> None:
    with pytest.raises(ParameterError, match="not to many"):
        classify_source(engine, open_pictures([]), engine.question(box="0,0,1,1"))


def answered(prediction: Prediction, *neighbors: Neighbor) -> SearchResult:
    return SearchResult(
        neighbors, np.empty((1, 0), np.float32), {}, "", None, prediction=prediction
    )


ITEM = CatalogItem(1, "i,1", 'a "quoted"\nlabel', "p", {}, "hash")
ROWS: list[BatchRow] = [
    ClassifiedRow(
        Path("/p/ä,1.jpg"),
        'x"1',
        answered(
            Prediction(
                "a/b",
                0.75,
                False,
                None,
                tuple(Vote(f"l{n}", 0.1) for n in range(8)),
                calibrated=True,
            ),
            *(Neighbor(ITEM, 0.9 - n / 100) for n in range(8)),
        ),
    ),
    ClassifiedRow(Path("/p/2.jpg"), "x2", answered(Prediction(None, 0.0, True, "too_far", ()))),
    ClassifiedRow(
        Path("/p/3.jpg"),
        "x3",
        answered(
            Prediction(
                None,
                0.6,
                False,
                None,
                (),
                values=("red", "blue"),
                chances=(ValueChance("red", 0.9),),
            )
        ),
    ),
    RejectedRow(Path("/p/4.jpg"), "x4", "corrupt_image", "it is no picture, at all"),
    RejectedRow(None, None, "bad_id", "no id"),
]


def write(file: Path) -> None:
    with answer_file(file) as output:
        for row in ROWS:
            output.write(record_of(row))


def read(file: Path) -> list[dict[str, Any]]:
    """The rows of a file; of a table as they stand there, of JSONL as records."""
    if file.suffix == ".csv":
        with file.open(encoding="utf-8", newline="") as text:
            return [{**row} for row in csv.DictReader(text)]
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    if file.suffix == ".xlsx":
        header, *rows = openpyxl.load_workbook(file).active.iter_rows(values_only=True)
        return [dict(zip(header, row, strict=True)) for row in rows]
    found: list[dict[str, Any]] = pyarrow.parquet.read_table(file).to_pylist()
    return found


def in_csv(value: Any) -> str:
    """A value as a cell of a CSV has it."""
    if isinstance(value, list):
        return "|".join(value)
    plain = {None: "", True: "true", False: "false"}
    return plain[value] if value is None or isinstance(value, bool) else str(value)


def test_a_record_has_what_is_known(tmp_path: Path) -> None:
    write(tmp_path / "out.jsonl")
    records = read(tmp_path / "out.jsonl")
    assert records == [record_of(row) for row in ROWS]
    assert [tuple(record) for record in records] == [FIELDS] * 5
    first = records[0]
    assert (first["path"], first["label"], first["confidence"]) == ("/p/ä,1.jpg", "a/b", 0.75)
    assert len(first["votes"]) == len(first["neighbors"]) == 5
    assert first["neighbors"][0] == {
        "item_id": "i,1", "score": 0.9, "label": 'a "quoted"\nlabel',
    }  # fmt: skip
    assert (records[1]["abstained"], records[1]["reason"]) == (True, "too_far")
    assert records[2]["values"] == ["red", "blue"]
    assert records[3]["error_code"] == "corrupt_image"
    assert records[4]["path"] is None


def test_tables_have_plain_columns(tmp_path: Path) -> None:
    wanted = [flat(record_of(row)) for row in ROWS]
    assert [tuple(row) for row in wanted] == [COLUMNS] * 5
    assert (wanted[0]["neighbor_1"], wanted[0]["score_1"]) == ("i,1", 0.9)
    for suffix in (".csv", ".parquet", ".xlsx"):
        write(tmp_path / f"out{suffix}")
    assert read(tmp_path / "out.parquet") == wanted
    in_sheet = [
        {name: "|".join(value) if isinstance(value, list) else value for name, value in row.items()}
        for row in wanted
    ]
    assert read(tmp_path / "out.xlsx") == in_sheet
    in_text = [{name: in_csv(value) for name, value in row.items()} for row in wanted]
    assert read(tmp_path / "out.csv") == in_text


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_no_spreadsheet_computes_an_answer(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"out{suffix}"
    with answer_file(file) as output:
        output.write({**dict.fromkeys(FIELDS), "path": "=1+1", "item_id": "\x07@SUM(A1)"})
    if suffix == ".csv":
        assert read(file)[0]["path"] == "'=1+1"
        return
    cell = openpyxl.load_workbook(file).active["A2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")
    assert read(file)[0]["item_id"] == "\N{REPLACEMENT CHARACTER}@SUM(A1)"


def test_parquet_is_written_group_by_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_files, "ROWS_A_GROUP", 2)
    write(tmp_path / "out.parquet")
    assert read(tmp_path / "out.parquet") == [flat(record_of(row)) for row in ROWS]
    assert pyarrow.parquet.ParquetFile(tmp_path / "out.parquet").num_row_groups == 3


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".xlsx"])
def test_no_rows_make_a_sound_file(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"out{suffix}"
    with answer_file(file):
        pass
    assert read(file) == []


def test_a_former_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    file.write_text("former")

    def interrupted() -> None:
        with answer_file(file, overwrite=True) as output:
            output.write(record_of(ROWS[0]))
            assert file.read_text() == "former"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert file.read_text() == "former"
    assert len((tmp_path / "out.csv.part").read_text().splitlines()) >= 2
    with pytest.raises(ParameterError, match="--overwrite"):
        write(file)
    file.unlink()
    write(file)
    assert len(read(file)) == 5
    assert not (tmp_path / "out.csv.part").exists()


def test_what_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"use one of \.csv, \.xlsx, \.jsonl, \.parquet"):
        check_output(tmp_path / "out.txt")
    with pytest.raises(ParameterError, match="no such folder"):
        check_output(tmp_path / "none" / "out.csv")
    (tmp_path / "dir.csv").mkdir()
    with pytest.raises(ParameterError, match="a folder"):
        check_output(tmp_path / "dir.csv")
    (tmp_path / "in.csv").write_text("item_id,image\n")
    with pytest.raises(ParameterError, match="what is read"):
        check_output(tmp_path / "in.csv", source=tmp_path / "." / "in.csv")


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "out.csv.part").mkdir()
    with (
        pytest.raises(StorageError, match="writing the answers"),
        answer_file(tmp_path / "out.csv"),
    ):
        pass


def test_parquet_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'eyedex\[parquet\]'"):
        check_output(tmp_path / "out.parquet")
    check_output(tmp_path / "out.csv")
