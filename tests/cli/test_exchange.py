"""`eyedex export`, `eyedex import`, and a collection whose embeddings are made elsewhere."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import Index, Run, colour_picture
from tests.embedding_tables import write_npy
from tests.small_catalog import unit_vectors

CLIP = ("--encoder", "external:clip")
Rejects = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """An NPY of sixty embeddings of three classes."""
    labels = np.arange(60) % 3
    vectors = unit_vectors(60) + 0.8 * np.eye(8)[labels]
    records = [
        {"item_id": f"id{row}", "label": "abc"[label], "price": int(row)}
        for row, label in enumerate(labels.tolist())
    ]
    return write_npy(tmp_path / "given.npy", vectors, records)


@pytest.mark.parametrize("form", [".parquet", ".npy"])
def test_a_collection_moves_to_another_directory(
    run: Run, index: Index, folder: Path, data: Path, tmp_path: Path, form: str
) -> None:
    index(folder)
    path = tmp_path / f"shop{form}"
    exported = run("export", path, "--data", data, "--json")
    assert exported.code == 0
    body = exported.json
    files = [str(path)] if form == ".parquet" else [str(path), str(path.with_suffix(".json"))]
    assert {name: body[name] for name in ("files", "rows", "encoder", "dimension", "metric")} == {
        "files": files, "rows": 6, "encoder": "hsv", "dimension": 972, "metric": "cosine",
    }  # fmt: skip
    assert body["without_embedding"] == []
    assert body["size_bytes"] == sum(Path(one).stat().st_size for one in files)
    other = tmp_path / "other"
    imported = run("import", path, "--data", other, "--json")
    assert imported.code == 0
    report = imported.json
    assert set(report) == {
        "added", "updated", "unchanged", "rejected", "reasons", "seconds", "rows_per_second",
        "stages", "scaled", "pictures_missing", "encoder", "fingerprint", "dimension", "generation",
        "dry_run",
    }  # fmt: skip
    assert (report["added"], report["encoder"], report["generation"]) == (6, "hsv", "gen-000001")
    assert "encoder hsv (972-d" in imported.err
    photo = folder / "A" / "0.png"
    found = [
        run("search", photo, "--data", each, "--json").json["neighbors"] for each in (data, other)
    ]
    (original,) = [each for each in found[0] if each.pop("same_picture", False)]
    assert original["item_id"] == "A/0.png"  # hashes are of pictures, which stay where they are
    assert found[0] == found[1]
    assert len(found[0]) == 6
    assert run("check", "--data", other).code == 0


def test_a_condition_that_nothing_can_fulfil_is_told(
    run: Run, index: Index, folder: Path, data: Path, tmp_path: Path
) -> None:
    index(folder)
    ran = run("export", tmp_path / "a.npy", "--data", data, "--filter", "label=a")
    assert "0 embeddings" in ran.out
    assert "note: no item has label 'a'; 'A' exists" in ran.err
    body = run("export", tmp_path / "b.npy", "--data", data, "--filter", "label=a", "--json").json
    assert body["warnings"] == ["filter_matches_nothing: no item has label 'a'; 'A' exists"]


def test_pictures_that_are_indexed_later_belong_to_what_was_imported(
    run: Run, index: Index, folder: Path, data: Path, tmp_path: Path
) -> None:
    """The content hash travels along, so nothing is embedded again."""
    index(folder)
    away = tmp_path / "away"
    away.mkdir()
    run("export", away / "a.npy", "--data", data)
    other = tmp_path / "other"
    run("import", away / "a.npy", "--data", other)
    (folder / "A" / "new.png").write_bytes(colour_picture(60))
    again = run("index", folder, "--data", other, "--json").json
    assert (again["encoded"], again["added"], again["updated"]) == (1, 1, 6)


def test_what_people_read(run: Run, given: Path, data: Path, tmp_path: Path) -> None:
    planned = run("import", given, *CLIP, "--data", data, "--dry-run")
    assert "60 would be added, 0 would be updated, 0 unchanged, 0 rejected" in planned.out
    taken = run("import", given, *CLIP, "--data", data)
    assert "60 added, 0 updated, 0 unchanged, 0 rejected" in taken.out
    assert "59 embeddings were not of length 1 and were scaled to it" in taken.out
    exported = run("export", tmp_path / "few.npy", "--data", data, "--filter", "price < 10")
    assert "few.npy and few.json: 10 embeddings by external:clip (8-d)" in exported.out
    assert len(np.load(tmp_path / "few.npy")) == 10


def test_refused_rows_are_in_the_list_and_the_exit_code(
    run: Run, given: Path, data: Path, rejects: Rejects
) -> None:
    vectors = np.load(given)
    vectors[7] = 0
    np.save(given, vectors)
    ran = run("import", given, *CLIP, "--data", data)
    assert ran.code == 4
    assert "59 added, 0 updated, 0 unchanged, 1 rejected" in ran.out
    assert "rejects.jsonl" in ran.err
    assert rejects() == [
        {"line": 8, "item_id": "id7", "code": "bad_embedding", "reason": "its embedding is zero"}
    ]


def test_a_file_that_is_refused_as_a_whole_decides_no_encoder(
    run: Run, given: Path, data: Path
) -> None:
    vectors = np.load(given)
    np.save(given, np.zeros_like(vectors))
    assert run("import", given, *CLIP, "--data", data).code == 4
    np.save(given, vectors)
    ran = run("import", given, "--encoder", "external:other", "--data", data)
    assert "60 added" in ran.out, ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "declare it: --encoder external:NAME"),
        (["--encoder", "hsv"], 7, "it has no fingerprint"),
        (["--encoder", "external:a b"], 2, "not a name for an encoder"),
        ([*CLIP, "--collection", "../x"], 2, "not a collection name"),
    ],
)
def test_refusals_write_nothing(
    run: Run, given: Path, data: Path, arguments: list[str], code: int, says: str
) -> None:
    ran = run("import", given, "--data", data, *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert says in ran.error
    assert not (data / "catalog.sqlite").exists()


def test_files_that_cannot_be_used_write_nothing(
    run: Run, given: Path, data: Path, tmp_path: Path
) -> None:
    given.write_bytes(given.read_bytes()[:-5])
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    for path in (given, tmp_path / "a.parquet", tmp_path / "nothing.npy"):
        ran = run("import", path, *CLIP, "--data", data)
        assert (ran.code, ran.out) == (3, "")
        assert path.name in ran.error
    assert run("import", tmp_path / "a.txt", "--data", data).code == 2
    assert not data.exists()


def test_an_export_without_a_catalog_or_over_a_file_is_refused(
    run: Run, given: Path, data: Path, tmp_path: Path
) -> None:
    assert run("export", tmp_path / "a.npy", "--data", data).code == 2
    run("import", given, *CLIP, "--data", data)
    before = given.read_bytes()
    refused = run("export", given, "--data", data)
    assert refused.code == 2
    assert "add --force" in refused.error
    assert given.read_bytes() == before
    assert run("export", given, "--data", data, "--force").code == 0
    assert run("export", tmp_path / "a.csv", "--data", data).code == 2
    assert run("export", tmp_path / "b.npy", "--data", data, "--filter", "weight < 3").code == 2


def test_embeddings_made_elsewhere_answer_every_verb_but_those_with_pictures(
    run: Run, given: Path, data: Path, folder: Path
) -> None:
    run("import", given, *CLIP, "--data", data)
    found = run("search", "--item", "id1", "-k", 3, "--data", data, "--json").json["neighbors"]
    assert len(found) == 3
    assert "id1" not in {one["item_id"] for one in found}
    measured = run("evaluate", "--data", data, "--json").json
    assert measured["accuracy"] > 0.6
    for verb in (["calibrate"], ["cluster"], ["train", "--with", "class-mean"], ["check"]):
        assert run(*verb, "--data", data).code == 0, verb
    photo = folder / "A" / "0.png"
    for verb in (["search"], ["classify"], ["index"], ["evaluate"]):
        asked = folder if verb[0] in ("index", "evaluate") else photo
        refused = run(*verb, asked, "--data", data)
        assert refused.code == 2, verb
        assert "external_encoder: the embeddings of external:clip are made elsewhere" in (
            refused.error
        )
    assert run("encoders", "--bench", "--data", data).code == 2
    assert run("check", "--data", data).code == 0


def test_such_a_collection_can_be_tuned_and_goes_on_taking_embeddings(
    run: Run, given: Path, data: Path, tmp_path: Path
) -> None:
    run("import", given, *CLIP, "--data", data)
    before = run("search", "--item", "id1", "--data", data, "--json").json
    assert run("tune", "--force", "--data", data).code == 0
    tuned = run("search", "--item", "id1", "--data", data, "--json").json
    assert tuned["encoder"] != before["encoder"]
    more = write_npy(tmp_path / "more.npy", unit_vectors(1), [{"item_id": "more", "label": "a"}])
    assert run("import", more, *CLIP, "--data", data, "--json").json["added"] == 1
    exported = run("export", tmp_path / "tuned.npy", "--data", data, "--json").json
    assert exported["rows"] == 61
    other = tmp_path / "other"
    assert run("import", tmp_path / "tuned.npy", "--data", other, "--json").json["added"] == 61
    there = run("search", "--item", "id1", "--data", other, "--json").json
    here = run("search", "--item", "id1", "--data", data, "--json").json
    for each in here["neighbors"]:
        each.pop("alike"), each.pop("likeness")  # calibrated there, not here
    assert (there["neighbors"], there["encoder"]) == (here["neighbors"], tuned["encoder"])
    refused = run("calibrate", "--data", other)
    assert refused.code == 2
    assert "the items were imported tuned" in refused.error
    refused = run("tune", "--undo", "--data", other)
    assert (refused.code, "61 of 61 items have neither" in refused.error) == (2, True)
    still = run("search", "--item", "id1", "--data", other, "--json").json
    assert still["neighbors"] == there["neighbors"]
    assert run("check", "--data", other).code == 0
    assert run("tune", "--undo", "--data", data).code == 0
    after = run("search", "--item", "id1", "-k", 60, "--data", data, "--json").json
    assert after["encoder"] == before["encoder"]
    assert "more" in {one["item_id"] for one in after["neighbors"]}
    assert run("check", "--data", data).code == 0
    late = write_npy(tmp_path / "late.npy", unit_vectors(1), [{"item_id": "late", "label": "a"}])
    assert run("import", late, *CLIP, "--data", data, "--json").json["added"] == 1
    forward = run("tune", "--undo", "--data", data, "--json").json
    assert (forward["encoded"], forward["unsearchable"]) == (1, [])
    assert run("check", "--data", data).code == 0


def test_a_search_has_one_question(run: Run, given: Path, data: Path) -> None:
    run("import", given, *CLIP, "--data", data)
    for arguments in ([], ["x.jpg", "--item", "id1"], ["--item", "id1", "--box", "0,0,1,1"]):
        assert run("search", *arguments, "--data", data).code == 2
    assert "item_not_found" in run("search", "--item", "nothing", "--data", data).error


def test_errors_are_json_where_that_is_asked_for(run: Run, given: Path, data: Path) -> None:
    ran = run("import", given, "--data", data, "--json")
    assert json.loads(ran.err)["code"] == "bad_parameter"
