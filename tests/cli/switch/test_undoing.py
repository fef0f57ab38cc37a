"""`eyedex switch --undo`: the encoder before comes back, with all that belongs to it."""

import shutil
import time
from pathlib import Path

import pytest

from search_engine.engine import SearchEngine
from search_engine.vote.calibration.store import load_calibration
from search_engine.vote.tally import VoteRule
from tests.cli.conftest import Run
from tests.cli.switch.conftest import ITEMS, encoders_kept, found, result
from tests.sealing import execute

pytestmark = pytest.mark.long


def test_undoing_brings_back_the_same_answers_at_once(
    switched: Path, hsv_data: Path, run: Run, photo: Path
) -> None:
    """Index, calibration and all; and once more leads forward again."""
    forward = found(switched, photo)
    said = run("classify", photo, "--data", hsv_data, "--json").json
    spent = time.process_time()
    ran = run("switch", "--undo", "--data", switched, "--json")
    assert time.process_time() - spent < 5  # the whole command; 0.02 of it is the change
    assert ran.code == 0
    assert (ran.json["after"]["encoder"], ran.json["encoded"]) == ("hsv", 0)
    assert result(switched, photo).generation == "gen-000001"
    assert found(switched, photo) == found(hsv_data, photo)
    back = run("classify", photo, "--data", switched, "--json").json
    assert said["calibrated"]
    assert back["confidence"] == said["confidence"]
    assert run("check", "--data", switched).code == 0
    ran = run("switch", "--undo", "--data", switched)
    assert ran.code == 0
    assert ran.out.startswith("edges is used again (192-d, ")
    assert found(switched, photo) == forward
    assert run("classify", photo, "--data", switched, "--json").json["calibrated"]
    assert run("check", "--data", switched).code == 0


def test_what_came_since_is_encoded_on_the_way_back(
    switched: Path, run: Run, photo: Path, tmp_path: Path
) -> None:
    """Only that; and what has no picture any more is listed."""
    pictures = tmp_path / "more"
    pictures.mkdir()
    for name in ("new.jpg", "short-lived.jpg"):
        shutil.copy(photo, pictures / name)
    assert run("index", pictures, "--data", switched, "--json").json["added"] == 2
    (pictures / "short-lived.jpg").unlink()
    ran = run("switch", "--undo", "--data", switched, "--json")
    assert ran.json["encoded"] == 1
    assert ran.json["unsearchable"] == [
        {"item_id": "short-lived.jpg", "reason": "picture_not_found"}
    ]
    ids = [item_id for item_id, _ in found(switched, photo)]
    assert "new.jpg" in ids[:2]
    assert "short-lived.jpg" not in ids
    assert run("check", "--data", switched).code == 0


def test_an_item_that_changed_is_never_found_by_its_former_picture(
    switched: Path, run: Run, photo: Path
) -> None:
    """Its embedding by the former encoder went with the picture; its place in the index too."""
    with SearchEngine(switched) as engine:
        item = engine.search(photo).neighbors[0].item
        other = max(photo.parent.glob("*.jpg"))
        engine.upsert(item.item_id, other.read_bytes())
        with engine.catalog.write() as writer:
            writer._connection.exec_driver_sql("DELETE FROM pictures")
    ran = run("switch", "--undo", "--data", switched, "--json").json
    assert [one["item_id"] for one in ran["unsearchable"]] == [item.item_id]
    assert item.item_id not in [item_id for item_id, _ in found(switched, photo)]
    assert run("check", "--data", switched).code == 0


def test_undoing_refuses_to_lose_the_catalog_unless_forced(
    switched: Path, run: Run, sample: Path, photo: Path, tmp_path: Path
) -> None:
    """Items that came since, whose pictures are on a disk that is gone."""
    pictures = tmp_path / "more"
    shutil.copytree(sample / "images", pictures)
    assert run("index", pictures, "--data", switched).code == 0
    before = found(switched, photo)
    shutil.rmtree(pictures)
    ran = run("switch", "--undo", "--data", switched)
    assert ran.code == 2
    assert f"{ITEMS} of {2 * ITEMS} items have neither an embedding by hsv" in ran.error
    assert found(switched, photo) == before
    ran = run("tune", "--undo", "--force", "--data", switched, "--json")
    assert (ran.code, len(ran.json["unsearchable"])) == (0, ITEMS)
    assert run("check", "--data", switched).code == 0


@pytest.mark.parametrize("edited", [0, 20])
def test_undoing_brings_back_the_rule_of_the_vote(drawn: Path, run: Run, edited: int) -> None:
    """Also where labels changed so much since that it has to be calibrated anew."""
    assert run("calibrate", "--per-product", "--data", drawn).code == 0
    assert run("switch", "edges", "--force", "--data", drawn).code == 0
    assert run("calibrate", "--data", drawn).code == 0
    with SearchEngine(drawn) as engine:
        record = engine.live("default").record
        assert not rule(engine).per_product
        page = engine.catalog.page(record, 0, edited)
        with engine.catalog.write() as writer:
            writer.describe(record.id, {item.key: {"label": "another"} for item in page})
    assert run("tune", "--undo", "--data", drawn).code == 0
    with SearchEngine(drawn) as engine:
        assert rule(engine).per_product


def rule(engine: SearchEngine) -> VoteRule:
    calibration = load_calibration(engine.catalog, engine.live("default").record, "label")
    assert calibration is not None
    return calibration.rule


def test_a_snapshot_has_the_way_back(
    switched: Path, run: Run, photo: Path, hsv_data: Path, tmp_path: Path
) -> None:
    """Embeddings and calibration; the index is built again."""
    archive, restored = tmp_path / "all.tar", tmp_path / "restored"
    assert run("snapshot", archive, "--data", switched).code == 0
    assert run("restore", archive, "--data", restored).code == 0
    assert run("switch", "--undo", "--data", restored, "--json").json["encoded"] == 0
    assert found(restored, photo) == found(hsv_data, photo)
    assert run("classify", photo, "--data", restored, "--json").json["calibrated"]


def test_forgetting_leaves_no_way_back(switched: Path, run: Run, photo: Path) -> None:
    before = found(switched, photo)
    ran = run("switch", "--forget", "--data", switched, "--json")
    assert (ran.code, ran.json["former"]["encoder"]) == (0, "hsv")
    assert ran.json["embeddings"] == ITEMS
    assert encoders_kept(switched) == 1
    names = run("collections", "generations", "default", "--data", switched, "--json").json
    assert len(names["generations"]) == 1
    refused = run("switch", "--undo", "--data", switched)
    assert (refused.code, "nothing is kept of an encoder" in refused.error) == (2, True)
    assert "nothing was kept" in run("switch", "--forget", "--data", switched).out
    assert found(switched, photo) == before


def test_check_tells_what_going_back_would_lose(switched: Path, run: Run) -> None:
    execute(
        switched,
        "UPDATE embeddings SET crc32 = crc32 + 1 WHERE key = 1"
        " AND fingerprint <> (SELECT fingerprint FROM collections)",
    )
    ran = run("check", "--data", switched, "--json")
    assert ran.code == 0
    assert any("damaged embeddings by hsv" in one["what"] for one in ran.json["findings"])
