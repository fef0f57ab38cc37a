"""`evaluate --compare` and `--fail-under` on real pictures, held against scikit-learn."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics

from api.cli.exits import Exit
from tests.cli.conftest import Index, Run, colour_picture
from tests.cli.figures import DIGITS, assert_scores, spoken
from tests.images.pictures import CORRUPT


class TestComparing:
    """Against an earlier run."""

    def earlier(self, run: Run, path: Path, *arguments: object) -> dict[str, Any]:
        ran = run("evaluate", *arguments, "--json", "--per-query")
        path.write_text(ran.out)
        found: dict[str, Any] = ran.json
        return found

    def test_differences_are_those_of_scikit_learn(
        self, run: Run, hsv_data: Path, shopper: Path, tmp_path: Path
    ) -> None:
        """Every photo of the shopper's shows another product, so right and wrong are McNemar's."""
        path = tmp_path / "before.json"
        before = self.earlier(run, path, shopper, "--data", hsv_data, "--vote-k", 60)
        now = run(
            "evaluate", shopper, "--data", hsv_data, "--vote-k", 1, "--compare", path, "--json",
            "--per-query",
        ).json  # fmt: skip
        truth, old = spoken(before)
        same, new = spoken(now)
        assert truth == same
        by_name = {one["measure"]: one for one in now["comparison"]["differences"]}
        known: dict[str, Any] = {"labels": sorted(set(truth)), "zero_division": 0}
        scores: dict[str, Callable[[Any], float]] = {
            "accuracy": lambda said: metrics.accuracy_score(truth, said),
            "macro_f1": lambda said: metrics.f1_score(truth, said, average="macro", **known),
            "weighted_f1": lambda said: metrics.f1_score(truth, said, average="weighted", **known),
            "balanced_accuracy": lambda said: metrics.recall_score(
                truth, said, average="macro", **known
            ),
        }
        for name, score in scores.items():
            assert by_name[name]["before"] == pytest.approx(score(old), abs=DIGITS)
            assert by_name[name]["now"] == pytest.approx(score(new), abs=DIGITS)
            difference = score(new) - score(old)
            assert by_name[name]["difference"] == pytest.approx(difference, abs=DIGITS)
            low, high = by_name[name]["interval"]
            assert low <= by_name[name]["difference"] <= high
        right = np.array([(a == t, b == t) for a, b, t in zip(old, new, truth, strict=True)])
        lost, won = ((right == changed).all(axis=1).sum() for changed in ([1, 0], [0, 1]))
        assert lost + won > 0
        accuracy = by_name["accuracy"]
        assert accuracy["test"] == "mcnemar"
        wanted = binomtest(int(won), int(lost + won), 0.5).pvalue
        assert accuracy["p_value"] == pytest.approx(wanted, rel=1e-2)
        assert (accuracy["verdict"] == "no clear difference") == (wanted >= 0.05)

    def test_a_clear_loss_is_called_worse(self, run: Run, hsv_data: Path, tmp_path: Path) -> None:
        """Held out with their products, photos find much less than other views of these."""
        path = tmp_path / "before.json"
        asked = ("--data", hsv_data, "--vote-k", 1)
        self.earlier(run, path, *asked, "--group-by", "view")
        now = run("evaluate", *asked, "--compare", path, "--json").json["comparison"]
        by_name = {one["measure"]: one for one in now["differences"]}
        for name in ("accuracy", "mrr", "hit_rate@1"):
            assert by_name[name]["difference"] < -0.1
            assert by_name[name]["interval"][1] < 0
            assert by_name[name]["verdict"] == "worse"
            assert by_name[name]["test"] == "bootstrap"  # several photos are of one product
        assert now["settings"]["split"] == ["leave one view out", "leave one product or scene out"]

    def test_the_same_run_differs_in_nothing_in_whatever_order(
        self, run: Run, hsv_data: Path, shopper: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "before.json"
        before = self.earlier(run, path, shopper, "--data", hsv_data)
        count = before["queries"]
        columns = before["per_query"]
        before["per_query"] = {
            name: None if values is None else values[::-1] for name, values in columns.items()
        }
        path.write_text(json.dumps(before))
        again = run("evaluate", shopper, "--data", hsv_data, "--compare", path, "--json").json
        found = again["comparison"]
        assert (found["common_queries"], found["settings"]) == (count, {})
        assert {one["verdict"] for one in found["differences"]} == {"no clear difference"}
        assert {one["difference"] for one in found["differences"]} == {0.0}

    def test_only_what_both_asked_is_compared(
        self, run: Run, hsv_data: Path, shopper: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "before.json"
        before = self.earlier(run, path, shopper, "--data", hsv_data)
        asked = ("evaluate", shopper, "--data", hsv_data, "--sample", 5, "--json", "--per-query")
        now = run(*asked, "--compare", path).json
        assert now["comparison"]["common_queries"] == 5
        place = {name: row for row, name in enumerate(before["per_query"]["query"])}
        rows = [place[name] for name in now["per_query"]["query"]]
        right = [
            before["per_query"]["predicted"][row] == before["per_query"]["truth"][row]
            for row in rows
        ]
        (accuracy,) = (
            one for one in now["comparison"]["differences"] if one["measure"] == "accuracy"
        )
        assert accuracy["before"] == pytest.approx(np.mean(right), abs=DIGITS)

    @pytest.mark.parametrize(
        "damage",
        [
            lambda run: run["per_query"].update(predicted=[1] * run["queries"]),
            lambda run: run["per_query"].update(predicted=[["x"]] * run["queries"]),
            lambda run: run["per_query"].update(query=["other"] * run["queries"]),
            lambda run: run.update(per_query=[]),
        ],
    )
    def test_what_is_no_run_of_ours_is_refused(
        self,
        run: Run,
        hsv_data: Path,
        shopper: Path,
        tmp_path: Path,
        damage: Callable[[dict[str, Any]], None],
    ) -> None:
        path = tmp_path / "before.json"
        before = self.earlier(run, path, shopper, "--data", hsv_data)
        damage(before)
        path.write_text(json.dumps(before))
        ran = run("evaluate", shopper, "--data", hsv_data, "--compare", path, "--json")
        assert (ran.code, ran.out) == (Exit.USAGE, "")
        assert "before.json" in ran.err

    @pytest.mark.parametrize("figure", ["NaN", "Infinity", "1e999", "9" * 400, '"x"', "null", "{}"])
    def test_figures_that_are_none_are_passed_over(
        self, run: Run, hsv_data: Path, tmp_path: Path, figure: str
    ) -> None:
        path = tmp_path / "before.json"
        path.write_text(f'{{"accuracy": 0.5, "macro_f1": {figure}}}')
        ran = run("evaluate", "--data", hsv_data, "--compare", path, "--json")
        assert ran.code == 0
        assert "NaN" not in ran.out
        found = [one["measure"] for one in ran.json["comparison"]["differences"]]
        assert found == ["accuracy"]


class TestBars:
    """Exit codes for programs."""

    def test_the_figures_are_those_of_scikit_learn(
        self, run: Run, hsv_data: Path, shopper: Path
    ) -> None:
        body = run("evaluate", shopper, "--data", hsv_data, "--json", "--per-query").json
        truth, predicted = spoken(body)
        assert_scores(body, truth, predicted)

    def test_a_bar_is_reached_by_what_equals_it(
        self, run: Run, hsv_data: Path, shopper: Path
    ) -> None:
        asked = ("evaluate", shopper, "--data", hsv_data, "--json")
        body = run(*asked).json
        worse = {"accuracy": -0.001, "map": -0.001, "ece": 0.001, "brier": 0.001}

        def bars(share: float) -> list[str]:
            found = (f"{name}={body[name] + share * step}" for name, step in worse.items())
            return [word for bar in found for word in ("--fail-under", bar)]

        assert run(*asked, *bars(0)).code == 0
        assert run(*asked, *bars(1)).code == 0
        missed = run(*asked, *bars(-1))
        assert missed.code == Exit.BELOW_BAR
        for name, line in zip(worse, missed.err.splitlines(), strict=True):
            assert line.startswith(f"below the bar: {name} is {body[name]}, to be at ")

    def test_all_that_was_missed_is_named_and_the_figures_are_there(
        self, run: Run, hsv_data: Path, shopper: Path, tmp_path: Path
    ) -> None:
        report = tmp_path / "report.html"
        ran = run(
            "evaluate", shopper, "--data", hsv_data, "--json", "--html", report,
            "--fail-under", "accuracy=1.5", "--fail-under", "map=0", "--fail-under", "ece=-1",
        )  # fmt: skip
        assert ran.code == Exit.BELOW_BAR
        missed = [line for line in ran.err.splitlines() if line.startswith("below the bar: ")]
        assert [line.split()[3] for line in missed] == ["accuracy", "ece"]
        assert ran.json["accuracy"] < 1.5
        assert report.exists()

    def test_what_is_undefined_reaches_nothing(
        self, run: Run, index: Index, data: Path, folder: Path, tmp_path: Path
    ) -> None:
        """No other item has the label of the query, so its ranking has no average precision."""
        for root in (folder, tmp_path / "asked"):
            (root / "C").mkdir(parents=True)
            (root / "C" / "0.png").write_bytes(colour_picture(50))
        index(folder)
        ran = run("evaluate", tmp_path / "asked", "--data", data, "--fail-under", "map=0", "--json")
        assert ran.json["map"] is None
        assert ran.code == Exit.BELOW_BAR
        assert ran.err.endswith("\nbelow the bar: map is None, to be at least 0\n")

    def test_a_missed_bar_weighs_more_than_a_refused_photo(
        self, run: Run, index: Index, data: Path, folder: Path
    ) -> None:
        index(folder)
        (folder / "A" / "broken.png").write_bytes(CORRUPT["half a JPEG"])
        asked = ("evaluate", folder, "--data", data, "--vote-k", 1)
        assert run(*asked).code == Exit.SOME_REJECTED
        assert run(*asked, "--fail-under", "accuracy=0").code == Exit.SOME_REJECTED
        assert run(*asked, "--fail-under", "accuracy=2").code == Exit.BELOW_BAR

    @pytest.mark.parametrize(
        "bar", ["accuracy", "accuracy=", "accuracy=high", "accuracy=nan", "=1"]
    )
    def test_what_is_no_bar_is_refused(self, run: Run, hsv_data: Path, bar: str) -> None:
        ran = run("evaluate", "--data", hsv_data, "--fail-under", bar)
        assert (ran.code, ran.out) == (Exit.USAGE, "")
        assert "--fail-under" in ran.error
