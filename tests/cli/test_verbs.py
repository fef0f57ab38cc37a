"""The other verbs: search, classify, evaluate, check, encoders, collections."""

import json
import shutil
import socket
from pathlib import Path

import pytest

from api.cli.exits import Exit
from tests.cli.conftest import Index, Run
from tests.conftest import copy_data, serve
from tests.images.pictures import CORRUPT, animated


@pytest.fixture
def photo(sample: Path) -> Path:
    """The picture of an item."""
    return min((sample / "images").rglob("*.jpg"))


def test_search_finds_the_item_itself(run: Run, hsv_data: Path, photo: Path) -> None:
    ran = run("search", photo, "--data", hsv_data, "-k", 3, "--json")
    assert ran.code == 0
    fields = {"neighbors", "next_cursor", "timings_ms", "encoder", "generation", "warnings"}
    assert set(ran.json) == fields
    assert len(ran.json["neighbors"]) == 3
    best = ran.json["neighbors"][0]
    assert set(best) == {
        "item_id", "label", "product_id", "attributes", "score", "alike", "likeness",
        "same_picture",
    }  # fmt: skip
    assert best["score"] > 0.99
    assert best["item_id"] in photo.as_posix()


def test_search_for_people_is_a_table(run: Run, hsv_data: Path, photo: Path) -> None:
    ran = run("search", photo, "--data", hsv_data, "-k", 2)
    lines = ran.out.splitlines()
    assert lines[0].split() == ["rank", "score", "alike", "likeness", "label", "item_id"]
    assert [line.split()[0] for line in lines[1:]] == ["1", "2"]


def test_search_takes_filter_group_and_score(run: Run, hsv_data: Path, photo: Path) -> None:
    found = run(
        "search", photo, "--data", hsv_data, "-k", 5,
        "--filter", '{"field": "view", "eq": "front"}',
        "--group-by", "label", "--min-score", 0.01, "--box", "0,0,1,1", "--json",
    ).json["neighbors"]  # fmt: skip
    assert {one["attributes"]["view"] for one in found} == {"front"}
    assert len({one["label"] for one in found}) == len(found) > 1


def test_search_counts_facets_under_the_filter(run: Run, hsv_data: Path, photo: Path) -> None:
    asked = ("search", photo, "--data", hsv_data, "-k", 1, "--facets", "view, price")
    body = run(*asked, "--filter", "view = front", "--json").json
    assert len(body["neighbors"]) == 1
    assert list(body["facets"]) == ["view", "price"]
    ((only,), prices) = body["facets"].values()
    assert only["value"] == "front"
    assert only["count"] > 1
    assert prices == sorted(prices, key=lambda each: (-each["count"], each["value"]))
    everything = run(*asked, "--json").json["facets"]["view"]
    assert only in everything
    assert len(everything) > 1


def test_facets_for_people_are_a_table_a_field(run: Run, hsv_data: Path, photo: Path) -> None:
    ran = run("search", photo, "--data", hsv_data, "-k", 1, "--facets", "view,label")
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[0][0] == "rank"
    assert ["view", "items"] in lines
    assert ["label", "items"] in lines
    assert lines[lines.index(["view", "items"]) + 1][-1].isdigit()


def test_facets_of_an_unknown_field_list_the_fields(run: Run, hsv_data: Path, photo: Path) -> None:
    ran = run("search", photo, "--data", hsv_data, "--facets", "weight")
    assert ran.code == 2
    assert "no such field: weight (--facets); known: label, product_id, color" in ran.error


def test_search_notes_that_only_one_frame_was_used(
    run: Run, hsv_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "moving.gif").write_bytes(animated("GIF"))
    assert "first_frame_used" in run("search", tmp_path / "moving.gif", "--data", hsv_data).err


def test_classify_votes(run: Run, hsv_data: Path, photo: Path) -> None:
    body = run("classify", photo, "--data", hsv_data, "--vote-k", 1, "--json").json
    assert body["path"] == str(photo)
    assert body["votes"][0]["share"] == body["voters"] == 1
    assert {"label", "confidence", "abstained", "reason", "neighbors"} <= set(body)
    by_colour = run(
        "classify", photo, "--data", hsv_data, "--vote-k", 1, "--target", "color", "--json"
    )
    assert by_colour.json["votes"][0]["label"] == body["neighbors"][0]["attributes"]["color"]


def test_classify_goes_on_after_a_bad_picture(
    run: Run, hsv_data: Path, photo: Path, tmp_path: Path
) -> None:
    shutil.copy(photo, tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(CORRUPT["half a JPEG"])
    shutil.copy(photo, tmp_path / "c.jpg")
    ran = run("classify", tmp_path, "--data", hsv_data, "--json")
    assert ran.code == 4
    first, bad, last = map(json.loads, ran.out.splitlines())
    assert first["votes"] == last["votes"]
    assert bad["error"]["code"] == "corrupt_image"
    assert bad["path"].endswith("b.jpg")
    assert ran.error.startswith("error: corrupt_image: ")


def test_classify_for_people_says_label_and_share(run: Run, hsv_data: Path, photo: Path) -> None:
    ran = run("classify", photo, "--data", hsv_data, "--vote-k", 1)
    assert ran.code == 0
    assert "100.0%" in ran.out or "no class" in ran.out
    assert str(photo) in ran.out


def test_evaluate_holds_out_each_item(run: Run, hsv_data: Path) -> None:
    ran = run("evaluate", "--data", hsv_data, "-k", 5, "--json")
    measures = ran.json
    assert ran.code == 0
    assert measures["queries"] == measures["gallery"] == 115
    assert measures["k"] == 5
    assert measures["target"] == "label"
    assert measures["rejected"] == 0
    for name in ("accuracy", "macro_f1", "coverage", "ece", "map", "hit_rate@1", "hit_rate@10"):
        assert 0 <= measures[name] <= 1, name
    assert measures["hit_rate@1"] > 0.2
    assert measures["hit_rate@10"] >= measures["hit_rate@1"]


def test_evaluate_measures_photos(run: Run, hsv_data: Path, sample: Path, tmp_path: Path) -> None:
    ran = run("evaluate", sample / "shopper" / "shopper.csv", "--data", hsv_data, "--json")
    assert ran.code == 0
    assert ran.json["queries"] == 8
    assert ran.json["gallery"] == 115


def test_evaluate_on_the_catalog_itself_does_not_find_itself(
    run: Run, hsv_data: Path, sample: Path
) -> None:
    held_out = run("evaluate", "--data", hsv_data, "--json").json
    as_queries = run("evaluate", sample / "catalog.csv", "--data", hsv_data, "--json").json
    assert as_queries["accuracy"] == pytest.approx(held_out["easy_accuracy"], abs=0.02)
    assert as_queries["hit_rate@1"] < 1


def test_evaluate_counts_bad_photos(run: Run, hsv_data: Path, photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Clothing"
    folder.mkdir()
    shutil.copy(photo, folder / "a.jpg")
    (folder / "b.jpg").write_bytes(b"")
    ran = run("evaluate", tmp_path, "--data", hsv_data, "--json")
    assert ran.code == 4
    assert (ran.json["queries"], ran.json["rejected"]) == (1, 1)
    assert "empty_file" in ran.err


def test_evaluate_for_people_is_a_table(run: Run, hsv_data: Path) -> None:
    assert "accuracy" in run("evaluate", "--data", hsv_data).out


def test_evaluate_needs_something_to_measure(
    run: Run, index: Index, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "nothing").mkdir()
    index(tmp_path / "nothing")
    assert run("evaluate", "--data", data).code == 2


def test_check_describes_what_is_there(run: Run, hsv_data: Path) -> None:
    ran = run("check", "--data", hsv_data, "--json")
    assert ran.code == 0
    assert {"sound", "findings", "collections", "versions", "settings"} <= set(ran.json)
    assert ran.json["sound"] is True
    assert ran.json["collections"][0]["items"] == 115
    assert "python" in ran.json["versions"]
    for_people = run("check", "--data", hsv_data)
    assert for_people.out.splitlines()[-1] == "sound"


def test_check_finds_damage(run: Run, hsv_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "damaged"
    copy_data(hsv_data, data)
    (faiss,) = (data / "indexes").rglob("*.faiss")
    content = bytearray(faiss.read_bytes())
    content[len(content) // 2] ^= 1
    faiss.write_bytes(content)
    ran = run("check", "--data", data, "--json")
    assert ran.code == 5
    assert ran.json["sound"] is False
    errors = [one for one in ran.json["findings"] if one["level"] == "error"]
    assert errors
    assert set(errors[0]) == {"level", "code", "parameters", "where", "what"}
    assert errors[0]["code"] == "index_damaged"
    assert faiss.parent.name in errors[0]["where"]
    assert "NOT SOUND" in run("check", "--data", data).out
    assert "`eyedex collections compact default`" in errors[0]["what"]
    mended = run("collections", "compact", "default", "--data", data, "--json")
    assert mended.json["removed"] == [faiss.parent.name]
    assert run("check", "--data", data).code == 0


def test_encoders_are_listed(run: Run) -> None:
    listed = run("encoders", "--json").json["encoders"]
    assert {"efficientnet_lite0", "hsv"} <= {one["name"] for one in listed}
    assert all(one["about"] for one in listed)
    assert [one["name"] for one in listed if one["default"]] == ["efficientnet_lite0"]
    every = run("encoders", "--all", "--json").json["encoders"]
    assert len(every) > len(listed)
    assert "hsv" in every
    assert "hsv" in run("encoders").out
    assert "hsv" in run("encoders", "--all").out.split()


def test_runtimes_are_measured_where_there_is_a_network(
    run: Run, data: Path, hsv_data: Path, cnn_data: Path
) -> None:
    """The collection's encoder has none; an empty one has no pictures."""
    shutil.copytree(cnn_data / "encoders", data / "encoders")  # exported already
    refused = run("encoders", "--bench", "--data", hsv_data)
    assert refused.code == 2
    assert "hsv has no network to run" in refused.err
    run("collections", "create", "empty", "--data", data)
    refused = run("encoders", "--bench", "--collection", "empty", "--data", data)
    assert refused.code == 2
    assert "collection empty has no pictures to measure with" in refused.err


def test_collections_are_listed_made_and_deleted(run: Run, data: Path) -> None:
    assert run("collections", "list", "--data", data, "--json").code == 2  # and made nothing
    made = run("collections", "create", "spring", "--data", data, "--json")
    assert made.json == {"name": "spring"}
    listed = run("collections", "list", "--data", data, "--json").json["collections"]
    assert [(one["name"], one["items"], one["encoder"]) for one in listed] == [("spring", 0, None)]
    assert "spring" in run("collections", "list", "--data", data).out
    deleted = run("collections", "delete", "spring", "--data", data, "--yes", "--json")
    assert deleted.json == {"name": "spring", "items": 0}
    assert run("collections", "list", "--data", data, "--json").json == {"collections": []}


def test_deleting_a_collection_leaves_the_others(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    index(folder)
    index(folder, "--collection", "second")
    assert run("collections", "delete", "second", "--data", data, "--yes").code == 0
    listed = run("collections", "list", "--data", data, "--json").json["collections"]
    assert [(one["name"], one["items"]) for one in listed] == [("default", 6)]
    assert run("check", "--data", data).code == 0


def test_the_version_is_told(run: Run) -> None:
    ran = run("--version")
    assert (ran.code, ran.out.split()[0]) == (0, "eyedex")


@pytest.mark.long
def test_a_server_that_is_told_to_stop_ends_well(hsv_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    copy_data(hsv_data, data)
    with serve(data) as server:
        server.process.terminate()
        assert server.process.wait(timeout=30) == Exit.OK


def test_a_server_without_usable_data_or_port_says_so_at_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = run("serve", "--data", tmp_path / "file")
    assert (ran.code, ran.error.split()[1]) == (Exit.STORAGE, "storage:")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = run("serve", "--data", tmp_path / "data", "--port", port)
    assert ran.code == Exit.USAGE
    assert f"port {port}" in ran.error


def test_what_is_advised_where_an_index_is_new_works(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    index(folder)
    refused = run("collections", "rollback", "default", "--data", data)
    assert refused.error.endswith("; `eyedex check` verifies the one in use")
    assert run("check", "--data", data).code == 0
    compact = ("collections", "compact", "default", "--data", data)
    assert run(*compact).out == "nothing to do: too little has changed (see --force)\n"
    assert run(*compact, "--force").out == "nothing to do: nothing has changed\n"
