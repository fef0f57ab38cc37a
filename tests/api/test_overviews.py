"""Lists of suspicious items and the map over HTTP, of pictures of six colours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.change.request import without_progress
from indexer.overviews.making import make_mislabelled, make_outliers
from indexer.overviews.mapping import make_map
from search_engine.engine import SearchEngine
from tests.api.asking import DEFAULT, CheckedClient, assert_problem
from tests.cli.conftest import COLOURS, colour_picture
from tests.conftest import index_folder

PICTURES = 60
WRONG = f"{COLOURS[2]}/{COLOURS.index(COLOURS[2])}.png"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[CheckedClient]:
    """Ten pictures of each colour in a folder of its name, one of them labelled as another."""
    for number in range(PICTURES):
        file = tmp_path / "shop" / COLOURS[number % len(COLOURS)] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(colour_picture(number))
    index_folder(tmp_path / "shop", tmp_path / "data", encoder="hsv")
    with CheckedClient(tmp_path / "data") as client:
        assert client.patch(f"{DEFAULT}/items/{WRONG}", json={"label": "red"}).status_code == 200
        yield client


def made(served: CheckedClient, *kinds: str) -> None:
    with SearchEngine(served.data) as engine:
        if "mislabelled" in kinds:
            make_mislabelled(engine, "default", "label", without_progress)
        if "outliers" in kinds:
            make_outliers(engine, "default", without_progress)
        if "map" in kinds:
            pytest.importorskip("openTSNE")
            make_map(engine, "default", without_progress, len(COLOURS))


def pages(served: CheckedClient, what: str, **asked: Any) -> list[dict[str, Any]]:
    found = [served.get(f"{DEFAULT}/{what}", params=asked).json()]
    while found[-1]["next_cursor"] is not None:
        asked["cursor"] = found[-1]["next_cursor"]
        found.append(served.get(f"{DEFAULT}/{what}", params=asked).json())
    return found


@pytest.mark.parametrize("what", ["mislabelled", "outliers", "map"])
def test_what_was_not_made_says_how_to_make_it(served: CheckedClient, what: str) -> None:
    problem = assert_problem(served.get(f"{DEFAULT}/{what}"), 404, "overview_not_found")
    assert f"a job of the kind `{what}`" in problem["detail"]
    assert_problem(served.get(f"/v1/collections/none/{what}"), 404, "collection_not_found")
    assert_problem(served.get(f"{DEFAULT}/{what}?limit=0"), 422, "bad_parameter")
    assert_problem(served.get(f"{DEFAULT}/{what}?k=3"), 422, "bad_parameter")


def test_a_wrong_label_is_told_until_it_is_mended(served: CheckedClient) -> None:
    made(served, "mislabelled")
    body = served.get(f"{DEFAULT}/mislabelled", params={"limit": 2}).json()
    first = body["suspects"][0]
    assert (first["item_id"], first["label"], first["suggested"]) == (WRONG, "red", COLOURS[2])
    assert first["probable_error"]
    assert first["probability"] < 0.1 < 0.5 < first["support"]
    assert [each["label"] for each in first["neighbors"]] == [COLOURS[2]] * 3
    assert served.get(first["neighbors"][0]["image_url"]).status_code == 200
    assert (body["items"], body["judged"], body["probable_errors"]) == (PICTURES, PICTURES, 1)
    assert not body["outdated"]
    served.patch(f"{DEFAULT}/items/{WRONG}", json={"label": COLOURS[2]})
    body = served.get(f"{DEFAULT}/mislabelled").json()
    assert WRONG not in [each["item_id"] for each in body["suspects"]]
    assert body["outdated"]
    assert_problem(served.get(f"{DEFAULT}/mislabelled?target=size"), 404, "overview_not_found")


def test_lists_come_in_pages(served: CheckedClient) -> None:
    made(served, "mislabelled", "outliers")
    for what, score in (("mislabelled", "probability"), ("outliers", "similarity")):
        found = [each for page in pages(served, what, limit=7) for each in page["suspects"]]
        assert len({each["item_id"] for each in found}) == len(found) == PICTURES
        scores = [each[score] for each in found]
        assert scores == sorted(scores)
    cursor = served.get(f"{DEFAULT}/outliers?limit=1").json()["next_cursor"]
    assert_problem(served.get(f"{DEFAULT}/mislabelled?cursor={cursor}"), 422, "bad_parameter")


def test_a_map_comes_in_columns(served: CheckedClient) -> None:
    made(served, "map")
    whole = served.get(f"{DEFAULT}/map").json()
    columns = ("ids", "x", "y", "label", "cluster")
    assert {len(whole[name]) for name in columns} == {whole["total"]} == {PICTURES}
    assert whole["labels"] == sorted(COLOURS)
    assert sorted(each["name"] for each in whole["clusters"]) == sorted(COLOURS)
    row = whole["ids"].index(WRONG)
    assert whole["labels"][whole["label"][row]] == "red"
    assert whole["clusters"][whole["cluster"][row]]["name"] == COLOURS[2]
    assert all(each["named_after"] == [each["name"]] for each in whole["clusters"])
    medoid = whole["clusters"][0]
    place = whole["ids"].index(medoid["medoid"])
    assert (whole["x"][place], whole["y"][place]) == (medoid["x"], medoid["y"])
    found = pages(served, "map", limit=25)
    assert [each for page in found for each in page["x"]] == whole["x"]
    assert [len(page["ids"]) for page in found] == [25, 25, 10]
    sample = served.get(f"{DEFAULT}/map?sample=9").json()
    assert (sample["total"], len(sample["ids"]), sample["items"]) == (9, 9, PICTURES)


def test_a_new_item_is_on_the_map_at_once(served: CheckedClient) -> None:
    made(served, "map")
    files = {"image": ("new.png", colour_picture(3 + 10 * len(COLOURS)))}
    assert served.put(f"{DEFAULT}/items/new", files=files).status_code == 201
    body = served.get(f"{DEFAULT}/map").json()
    assert (body["ids"][-1], body["total"], body["outdated"]) == ("new", PICTURES + 1, True)
    assert body["clusters"][body["cluster"][-1]]["name"] == COLOURS[3]
