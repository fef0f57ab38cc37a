"""`evaluate --all` on real pictures, held against scikit-learn."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import NearestCentroid
from sklearn.svm import SVC, LinearSVC

from api.cli.exits import Exit
from search_engine.classifiers import estimators
from search_engine.classifiers.registry import KINDS, create_classifier
from search_engine.collections.labelled import Labelled, read_gallery
from search_engine.engine import SearchEngine
from tests.cli.conftest import Index, Run, colour_picture
from tests.cli.figures import DIGITS, assert_scores
from tests.conftest import copy_data, index_folder, once

pytestmark = pytest.mark.long

ESTIMATORS: dict[str, Callable[[], Any]] = {
    "class-mean": NearestCentroid,
    "logistic": lambda: LogisticRegression(C=30.0, max_iter=1_000),
    "linear-svm": lambda: LinearSVC(C=3.0, random_state=0),
    "svm": lambda: OneVsRestClassifier(SVC(C=3.0, gamma="scale")),
    "forest": lambda: RandomForestClassifier(200, random_state=0),
}


@pytest.fixture(scope="module")
def edges_data(shared: Path, sample: Path) -> Path:
    """The drawn catalog by the encoder of edges, from whose few numbers all learn fast."""
    return once(
        shared / "drawn-edges-data",
        lambda folder: index_folder(sample / "catalog.csv", folder, encoder="edges"),
    )


@pytest.fixture
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a forest be grown fast, where what it says does not matter."""
    monkeypatch.setattr(estimators.forest, "__defaults__", (5,))


@pytest.fixture
def table(run: Run, edges_data: Path, shared: Path, shopper: Path) -> dict[str, Any]:
    """What `evaluate SHOPPER --all --json` says, run once for all tests."""

    def make(folder: Path) -> None:
        folder.mkdir()
        ran = run("evaluate", shopper, "--data", edges_data, "--all", "--json")
        (folder / "table.json").write_text(ran.out)

    found: dict[str, Any] = json.loads((once(shared / "table", make) / "table.json").read_text())
    return found


@pytest.fixture(scope="module")
def gallery(edges_data: Path) -> Labelled:
    with SearchEngine(edges_data) as engine:
        return read_gallery(engine.catalog, "default")


@pytest.fixture(scope="module")
def photos(edges_data: Path, shopper: Path) -> tuple[NDArray[np.float32], list[str]]:
    """Embeddings and labels of the shopper's photos."""
    with shopper.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with SearchEngine(edges_data) as engine:
        vectors = [engine.search(shopper.parent / row["image"]).vector for row in rows]
    return np.concatenate(vectors), [row["label"] for row in rows]


def rows_of(body: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in body["classifiers"]}


@pytest.mark.filterwarnings("ignore:self.within_class_std_dev_:UserWarning")
class TestAll:
    """The table of all classifiers."""

    def test_its_figures_are_those_of_scikit_learn(
        self,
        table: dict[str, Any],
        gallery: Labelled,
        photos: tuple[NDArray[np.float32], list[str]],
    ) -> None:
        found = rows_of(table)
        assert list(found) == ["k-nn", *(kind.name for kind in KINDS)] == ["k-nn", *ESTIMATORS]
        vectors, labels = photos
        for name, make in ESTIMATORS.items():
            estimator = make().fit(gallery.vectors, gallery.labels)
            assert_scores(found[name], labels, estimator.predict(vectors))
            assert found[name]["queries"] == len(labels)
            assert found[name]["skipped"] is None
        likely = LogisticRegression(C=30.0, max_iter=1_000).fit(gallery.vectors, gallery.labels)
        classes = list(likely.classes_)
        top5 = np.argsort(-likely.predict_proba(vectors), axis=1)[:, :5]
        hits = [classes.index(one) in best for one, best in zip(labels, top5, strict=True)]
        assert found["logistic"]["top5_accuracy"] == pytest.approx(np.mean(hits), abs=DIGITS)

    def test_the_calibration_error_is_that_of_a_plain_loop(
        self,
        table: dict[str, Any],
        gallery: Labelled,
        photos: tuple[NDArray[np.float32], list[str]],
    ) -> None:
        """Labels are paths, but a classifier names whole ones: right is right."""
        found = rows_of(table)
        vectors, labels = photos
        known = [str(label) for label in gallery.labels]
        model = create_classifier("svm").fit(gallery.vectors, known, gallery.products)
        likely = model.predict_proba(vectors)
        bins: dict[int, list[tuple[float, bool]]] = {}
        for row, label in zip(likely, labels, strict=True):
            sure = float(row.max())
            right = model.classes[int(row.argmax())] == label
            bins.setdefault(int(np.ceil(sure * 15)), []).append((sure, right))
        gaps = [abs(sum(sure - right for sure, right in one)) for one in bins.values()]
        assert found["svm"]["ece"] == pytest.approx(sum(gaps) / len(labels), abs=DIGITS)

    @pytest.mark.parametrize("k", [(), ("--vote-k", 3)], ids=["calibrated", "not calibrated"])
    @pytest.mark.usefixtures("few_trees")
    def test_the_vote_in_it_is_that_of_the_run(
        self, run: Run, edges_data: Path, shopper: Path, k: tuple[object, ...]
    ) -> None:
        for split in ((shopper,), ("--folds", 2, "--sample", 40)):
            body = run("evaluate", *split, "--data", edges_data, *k, "--all", "--json").json
            vote = rows_of(body)["k-nn"]
            for name in ("queries", "accuracy", "macro_f1", "balanced_accuracy", "top5_accuracy"):
                assert vote[name] == body[name], (split, name)
            assert vote["ece"] == pytest.approx(body["ece"], abs=DIGITS)

    @pytest.mark.usefixtures("few_trees")
    def test_folds_are_those_of_the_run(
        self, run: Run, edges_data: Path, gallery: Labelled
    ) -> None:
        """Each classifier sees what the vote sees: scikit-learn's folds by product."""
        asked = ("evaluate", "--data", edges_data, "--folds", 3, "--seed", 3, "--all", "--json")
        found = rows_of(run(*asked).json)
        labels = np.array([str(label) for label in gallery.labels])
        folds = StratifiedGroupKFold(3, shuffle=True, random_state=3)
        groups = np.array([str(product) for product in gallery.products])
        for name in ("class-mean", "logistic", "svm"):
            predicted = cross_val_predict(
                ESTIMATORS[name](), gallery.vectors, labels, groups=groups, cv=folds
            )
            assert_scores(found[name], labels, predicted)
            assert found[name]["queries"] == len(labels)

    @pytest.mark.usefixtures("few_trees")
    def test_without_queries_all_are_asked_the_same(self, run: Run, edges_data: Path) -> None:
        every = ("evaluate", "--data", edges_data, "--all", "--json")
        whole = rows_of(run(*every).json)
        some = rows_of(run(*every, "--sample", 30).json)
        assert len({row["queries"] for row in whole.values()}) == 1
        (asked,) = {row["queries"] for row in some.values()}
        assert 0 < asked <= 30 < whole["k-nn"]["queries"] <= 115

    def test_for_people_it_is_a_table(
        self, run: Run, edges_data: Path, shopper: Path, table: dict[str, Any]
    ) -> None:
        ran = run("evaluate", shopper, "--data", edges_data, "--all")
        assert ran.code == 0
        lines = ran.out.splitlines()
        (place,) = [
            row for row, line in enumerate(lines) if line.startswith(f"{table['queries']} queries ")
        ]
        shown = [line.split() for line in lines[place + 1 :]]
        assert max(map(len, lines[place:])) <= 80
        assert [cells[0] for cells in shown] == ["k-nn", *ESTIMATORS]
        measures = ("accuracy", "balanced_accuracy", "macro_f1", "top5_accuracy", "ece")
        for cells, row in zip(shown, table["classifiers"], strict=True):
            assert [float(cell) for cell in cells[1:6]] == pytest.approx(
                [row[name] for name in measures], abs=1e-4
            )

    @pytest.mark.usefixtures("few_trees")
    def test_another_target_is_measured(self, run: Run, edges_data: Path) -> None:
        body = run(
            "evaluate", "--data", edges_data, "--target", "color", "--folds", 2, "--all", "--json"
        ).json
        assert rows_of(body)["k-nn"]["accuracy"] == body["accuracy"]

    def test_nobody_learns_from_who_is_asked(
        self, run: Run, edges_data: Path, sample: Path
    ) -> None:
        """All pictures of the catalog are asked: nothing is left to learn from."""
        asked = ("evaluate", sample / "catalog.csv", "--data", edges_data, "--all", "--json")
        found = rows_of(run(*asked).json)
        assert found.pop("k-nn")["accuracy"] == 0.0
        assert all("two labels or more" in row["skipped"] for row in found.values())

    @pytest.mark.usefixtures("few_trees")
    def test_items_without_a_label_vote_for_nothing_and_are_not_learned(
        self, run: Run, edges_data: Path, shopper: Path, tmp_path: Path
    ) -> None:
        data = copy_data(edges_data, tmp_path / "data")
        with SearchEngine(data) as engine:
            for item in engine.catalog.page(engine.live("default").record, 0, 25):
                engine.describe(item.item_id, {"label": None})
        for split in ((shopper,), ("--folds", 2)):
            body = run("evaluate", *split, "--data", data, "--vote-k", 5, "--all", "--json").json
            assert rows_of(body)["k-nn"]["accuracy"] == body["accuracy"]
            assert rows_of(body)["svm"]["skipped"] is None

    def test_several_values_a_picture_are_refused_at_once(
        self, run: Run, index: Index, folder: Path, data: Path
    ) -> None:
        index(folder)
        with SearchEngine(data) as engine:
            for number in range(4):
                tags = {"tags": ["red", "round"][: 1 + number % 2]}
                engine.upsert(f"i{number}", colour_picture(number), attributes=tags)
        ran = run("evaluate", "--data", data, "--target", "tags", "--all")
        assert (ran.code, ran.out) == (Exit.USAGE, "")
        assert "several values each (--all)" in ran.error

    def test_where_nothing_can_be_held_out_it_says_so(
        self, run: Run, index: Index, data: Path, tmp_path: Path
    ) -> None:
        """Each label is of one picture."""
        for number in range(3):
            path = tmp_path / "one each" / f"label {number}" / "a.png"
            path.parent.mkdir(parents=True)
            path.write_bytes(colour_picture(number))
        index(tmp_path / "one each")
        ran = run("evaluate", "--data", data, "--all")
        assert ran.code == Exit.USAGE
        assert "every class shows one thing only" in ran.error
