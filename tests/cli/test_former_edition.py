"""A collection that was made when pictures were read otherwise goes on as it was."""

from pathlib import Path

import pytest
from PIL import Image

from search_engine.engine import SearchEngine
from tests.cli.conftest import Run, counts
from tests.images.pictures import photo, png
from tests.images.profiles import PROPHOTO, in_colours_of

FORMER = "ff5521d25642849a6ec57efb2a039492"
"""Fingerprint of the hsv encoder in every collection that earlier versions made."""

BORDERS_COUNTED = "64d6a544423e9c53918932b8ffdeb8cb"
"""Its fingerprint when colour profiles counted already, and borders still did."""


@pytest.fixture
def former(data: Path, folder: Path, run: Run) -> Path:
    """A collection of the former edition, with a photo that has a colour profile."""
    managed = in_colours_of(photo(), PROPHOTO)
    (folder / "A" / "managed.png").write_bytes(png(managed, icc_profile=PROPHOTO))
    (folder / "B" / "unmanaged.png").write_bytes(png(managed))
    begin(data, FORMER)
    assert counts(run("index", folder, "--data", data, "--json")) == (8, 0, 0, 0, 0)
    return data


def begin(data: Path, fingerprint: str) -> None:
    """A collection that has the hsv encoder of this fingerprint, and no items yet."""
    with SearchEngine(data) as engine:
        record = engine.create_collection("default")
        with engine.catalog.write() as writer:
            writer.set_encoder(record.id, "hsv", {}, fingerprint, 972)


def edition(data: Path) -> int:
    with SearchEngine(data) as engine:
        encoder = engine.live("default").encoder()
        assert encoder is not None
        return encoder.spec.preprocessing.edition


def best(run: Run, data: Path, photo: Path) -> list[tuple[str, float]]:
    found = run("search", photo, "--data", data, "-k", 2, "--json").json["neighbors"]
    return [(each["item_id"], round(each["score"], 3)) for each in found]


def test_it_takes_colours_as_it_always_did(former: Path, folder: Path, run: Run) -> None:
    assert edition(former) == 1
    same = {"A/managed.png": 1.0, "B/unmanaged.png": 1.0}
    assert dict(best(run, former, folder / "A" / "managed.png")) == same
    assert run("check", "--data", former).code == 0
    (folder / "A" / "new.png").write_bytes(png(photo()))
    again = run("index", folder, "--data", former, "--encoder", "hsv", "--json")
    assert counts(again) == (1, 0, 8, 0, 0)
    with SearchEngine(former) as engine:
        engine.upsert("by hand", png(photo()))
        assert engine.catalog.collection("default").fingerprint == FORMER


def test_switching_to_the_same_encoder_takes_it_to_the_present(
    former: Path, folder: Path, run: Run
) -> None:
    assert run("switch", "hsv", "--force", "--data", former).code == 0
    assert edition(former) == 3
    (first, score), (_, second) = best(run, former, folder / "A" / "managed.png")
    assert (first, score) == ("A/managed.png", 1.0)
    assert second < 0.99
    assert run("switch", "--undo", "--data", former).code == 0
    assert edition(former) == 1


def test_a_tuned_one_stays_with_it_too(former: Path, folder: Path, run: Run) -> None:
    for number in range(60):
        colour = (200 - number, 60 + number, 9 * (number % 2))
        place = folder / "AB"[number % 2] / f"more{number}.png"
        place.write_bytes(png(Image.new("RGB", (20, 20), colour)))
    run("index", folder, "--data", former)
    assert run("tune", "--force", "--data", former).code == 0
    assert edition(former) == 1
    assert run("index", folder, "--data", former).code == 0
    assert run("tune", "--undo", "--data", former).code == 0
    with SearchEngine(former) as engine:
        assert engine.catalog.collection("default").fingerprint == FORMER


def test_it_goes_out_and_comes_in_as_it_is(former: Path, tmp_path: Path, run: Run) -> None:
    file = tmp_path / "out.parquet"
    assert run("export", file, "--data", former).code == 0
    assert run("import", file, "--data", tmp_path / "other").code == 0
    assert edition(tmp_path / "other") == 1


@pytest.mark.parametrize("fingerprint", [FORMER, BORDERS_COUNTED])
def test_borders_count_where_they_always_did(
    fingerprint: str, data: Path, folder: Path, run: Run
) -> None:
    canvas = Image.new("RGB", (96, 96), "white")
    canvas.paste(photo(), (20, 30))
    (folder / "A" / "bare.png").write_bytes(png(photo()))
    (folder / "A" / "padded.png").write_bytes(png(canvas))
    begin(data, fingerprint)
    assert run("index", folder, "--data", data).code == 0
    assert edition(data) == (1 if fingerprint == FORMER else 2)
    assert dict(best(run, data, folder / "A" / "padded.png"))["A/padded.png"] == 1.0
    assert dict(best(run, data, folder / "A" / "bare.png")).get("A/padded.png", 0) < 0.9
    assert run("switch", "hsv", "--force", "--data", data).code == 0
    assert edition(data) == 3
    same = {"A/bare.png": 1.0, "A/padded.png": 1.0}
    assert dict(best(run, data, folder / "A" / "padded.png")) == same
    assert run("switch", "--undo", "--data", data).code == 0
    assert edition(data) == (1 if fingerprint == FORMER else 2)


def test_new_collections_are_of_the_present_edition(data: Path, folder: Path, run: Run) -> None:
    run("index", folder, "--encoder", "hsv", "--data", data)
    assert edition(data) == 3
