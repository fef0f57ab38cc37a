"""`--rerank`: searches in another order, and the table that tells whether it pays."""

import json
from pathlib import Path

import pytest

from api.cli.exits import Exit
from search_engine.search.rerank import geometric
from search_engine.search.rerank.registry import METHODS
from tests.cli.conftest import Run


@pytest.fixture
def photo(sample: Path) -> Path:
    """The picture of an item."""
    return min((sample / "images").rglob("*.jpg"))


@pytest.mark.parametrize("name", METHODS)
def test_search_in_another_order(run: Run, hsv_data: Path, photo: Path, name: str) -> None:
    ran = run("search", photo, "--data", hsv_data, "-k", 5, "--rerank", name, "--json")
    assert ran.code == 0
    assert ran.json["rerank"] == name
    assert "rerank" in ran.json["timings_ms"]
    plain = run("search", photo, "--data", hsv_data, "-k", 200, "--json").json
    assert "rerank" not in plain
    scores = {one["item_id"]: one["score"] for one in plain["neighbors"]}
    found = {one["item_id"]: one["score"] for one in ran.json["neighbors"]}
    assert len(found) == 5
    assert found.items() <= scores.items()


def test_people_are_told_what_the_scores_are(run: Run, hsv_data: Path, photo: Path) -> None:
    ran = run("search", photo, "--data", hsv_data, "--rerank", "dba")
    assert ran.out.splitlines()[0].split()[:2] == ["rank", "score"]
    assert ran.err == "note: in the order of dba; scores are cosines\n"


def test_the_other_options_of_a_search_work_with_it(run: Run, hsv_data: Path, photo: Path) -> None:
    found = run(
        "search", photo, "--data", hsv_data, "-k", 4, "--rerank", "k-reciprocal",
        "--filter", "view = front", "--group-by", "label", "--min-score", 0.01, "--json",
    ).json["neighbors"]  # fmt: skip
    assert {one["attributes"]["view"] for one in found} == {"front"}
    assert len({one["label"] for one in found}) == len(found) == 4


@pytest.mark.parametrize("verb", ["search", "classify"])
def test_an_unknown_name_lists_the_known(run: Run, hsv_data: Path, photo: Path, verb: str) -> None:
    ran = run(verb, photo, "--data", hsv_data, "--rerank", "magic")
    assert ran.code == Exit.USAGE
    assert ran.error == (
        "error: bad_parameter: there is no re-ranking 'magic' (--rerank); "
        "known: aqe, dba, k-reciprocal, geometric; and learned, for searches"
    )


def test_a_class_by_re_ranked_neighbors(run: Run, hsv_data: Path, photo: Path) -> None:
    body = run("classify", photo, "--data", hsv_data, "--rerank", "k-reciprocal", "--json").json
    assert body["rerank"] == "k-reciprocal"
    assert body["calibrated"] is False
    assert sum(vote["share"] for vote in body["votes"]) == pytest.approx(1, abs=1e-5)


def test_many_photos_are_re_ranked_as_one_is(
    run: Run, hsv_data: Path, photo: Path, tmp_path: Path
) -> None:
    asked = ("--data", hsv_data, "--rerank", "aqe")
    alone = run("classify", photo, *asked, "--json").json
    file = tmp_path / "answers.jsonl"
    assert run("classify", photo, *asked, "--output", file).code == 0
    written = json.loads(file.read_text())
    assert written["label"] == alone["label"]
    assert [one["item_id"] for one in written["neighbors"]] == [
        one["item_id"] for one in alone["neighbors"][: len(written["neighbors"])]
    ]


class TestGate:
    def test_the_table_for_people(
        self, run: Run, hsv_data: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(geometric, "VERIFIED", 3)  # pictures take their time
        shopper = sample / "shopper" / "shopper.csv"
        ran = run("evaluate", shopper, "--data", hsv_data, "--rerank", "all")
        assert ran.code == 0
        lines = [line for line in ran.out.splitlines() if line]
        start = next(row for row, line in enumerate(lines) if line.startswith("re-ranking"))
        table = lines[start:]
        assert table[0].split("  ")[0] == "re-ranking"
        assert all(word in table[0] for word in ("before", "after", "added ms", "verdict"))
        assert [line.split()[0] for line in table[1:13:3]] == list(METHODS)
        assert len(table) == 14
        assert all(line.startswith("8 queries") for line in table[2:13:3])
        assert table[-1].startswith("better on the whole: ")
        assert max(map(len, table)) <= 80

    def test_the_same_for_programs(self, run: Run, hsv_data: Path) -> None:
        asked = ("evaluate", "--data", hsv_data, "--sample", 20, "--json")
        body = run(*asked, "--rerank", "dba, aqe").json
        assert [row["rerank"] for row in body["rerankings"]] == ["dba", "aqe"]
        assert body["rerankings"][0]["queries"] == 20
        assert "rerankings" not in run(*asked).json

    @pytest.mark.parametrize(
        ("names", "said"),
        [
            ("aqe,magic", "known: aqe, dba, k-reciprocal, geometric"),
            ("all,aqe", "known: aqe, dba, k-reciprocal, geometric"),
            ("", "the value is empty"),
        ],
    )
    def test_unknown_names_are_refused_before_anything_is_measured(
        self, run: Run, hsv_data: Path, names: str, said: str
    ) -> None:
        ran = run("evaluate", "--data", hsv_data, "--rerank", names)
        assert ran.code == Exit.USAGE
        assert said in ran.error
        assert ran.out == ""

    def test_a_missing_package_is_an_error_only_where_it_is_named(
        self, run: Run, hsv_data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("search_engine.encoders.opencv_import.find_spec", lambda name: None)
        asked = ("evaluate", "--data", hsv_data, "--sample", 10, "--rerank")
        named = run(*asked, "geometric")
        assert named.code == Exit.USAGE
        assert "missing_extra" in named.error
        of_all = run(*asked, "all")
        assert of_all.code == 0
        assert "geometric: not tried: geometric verification needs OpenCV" in of_all.out
        rows = run(*asked, "all", "--json").json["rerankings"]
        assert set(rows[-1]) == {"rerank", "skipped"}
