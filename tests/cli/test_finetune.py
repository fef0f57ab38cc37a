"""`eyedex tune --finetune`: a network trained on the drawn catalog, kept with it, taken back.

A small one, which a second changes enough; the default one takes minutes.
"""

import json
import shutil
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from indexer.change.finetune import finetune_collection
from indexer.change.request import ChangeRequest
from search_engine.adapt.plan import TrainingPlan
from search_engine.catalog.collection_rows import Collection
from search_engine.collections.encoders import judged, projection_of
from search_engine.collections.labelled import read_gallery
from search_engine.encoders.projection import ProjectedEncoder
from search_engine.engine import SearchEngine
from tests.cli.conftest import COMMAND, Run, run_outside
from tests.conftest import copy_data, once

pytestmark = pytest.mark.long

SECONDS = 2
FINETUNE = ("tune", "--finetune", "--minutes", SECONDS / 60)


@dataclass(frozen=True)
class Interruption:
    """How a training ended that Ctrl-C met: its exit code, and how long it had trained."""

    code: int
    seconds: float


def interrupted(data: Path) -> Interruption:
    """Begin a training and interrupt it."""
    state = data / "tuning" / "default" / "state.pt"
    command = [*COMMAND, *map(str, FINETUNE), "--force", "--data", str(data)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not state.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.wait(60)
    clock: Any = torch.load(state, weights_only=True)["clock"]
    return Interruption(process.returncode, clock[1])


@pytest.fixture
def plain(network_data: Path, tmp_path: Path) -> Path:
    """A copy of the drawn catalog, encoded by a small network."""
    return copy_data(network_data, tmp_path / "plain")


@pytest.fixture
def made(plain: Path, shared: Path, run: Run) -> Path:
    """`data`, the same with a network that was trained in two goes, and how the first one ended."""

    def make(folder: Path) -> None:
        copy_data(plain, folder / "data")
        first = interrupted(folder / "data")
        (folder / "interruption.json").write_text(json.dumps(asdict(first)))
        ran = run(*FINETUNE, "--force", "--data", folder / "data", "--json")
        assert (ran.code, ran.json["used"]) == (0, True)

    return once(shared / "finetuned", make)


@pytest.fixture
def finetuned(made: Path, tmp_path: Path) -> Path:
    """A copy of the catalog with a trained network."""
    return copy_data(made / "data", tmp_path / "finetuned")


@pytest.fixture
def photo(sample: Path) -> Path:
    return min((sample / "shopper").rglob("*.jpg"))


def answer(run: Run, photo: Path, data: Path) -> list[tuple[str, float]]:
    ran = run("search", photo, "--data", data, "--json")
    assert ran.code == 0
    return [(one["item_id"], one["score"]) for one in ran.json["neighbors"]]


def test_a_trained_network_answers_and_is_kept_with_the_catalog(
    finetuned: Path, plain: Path, run: Run, photo: Path, tmp_path: Path
) -> None:
    found = answer(run, photo, finetuned)
    assert found != answer(run, photo, plain)
    assert run("check", "--data", finetuned).code == 0
    assert not (finetuned / "tuning" / "default").exists()
    shutil.rmtree(finetuned / "encoders")
    assert answer(run, photo, finetuned) == found
    archive = tmp_path / "snapshot.eyedex"
    assert run("snapshot", archive, "--data", finetuned).code == 0
    assert run("restore", archive, "--data", tmp_path / "restored").code == 0
    assert answer(run, photo, tmp_path / "restored") == found


@pytest.mark.slow
def test_the_default_network_can_be_trained(
    cnn_data: Path, run: Run, photo: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    copy_data(cnn_data, data)
    ran = run_outside("tune", "--finetune", "--minutes", 0.1, "--force", "--data", data, "--json")
    assert (ran.code, ran.json["used"], ran.json["pooling"]) == (0, True, "multi")
    found = answer(run, photo, data)
    assert found != answer(run, photo, cnn_data)
    shutil.rmtree(data / "encoders")
    assert answer(run, photo, data) == found
    assert run("check", "--data", data).code == 0


def test_a_damaged_weights_file_is_written_again(finetuned: Path, run: Run, photo: Path) -> None:
    found = answer(run, photo, finetuned)
    (weights,) = (finetuned / "encoders").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:1_000])
    assert answer(run, photo, finetuned) == found


def test_stored_embeddings_are_those_of_the_trained_network(finetuned: Path) -> None:
    with SearchEngine(finetuned) as engine:
        live = engine.live("default")
        encoder = live.encoder()
        assert isinstance(encoder, ProjectedEncoder)
        assert encoder.base.spec.pooling == "multi"
        items = engine.catalog.page(live.record, 0, 20)
        stored = np.concatenate([engine.catalog.vector(live.record, one.key) for one in items])
        cosines = np.vecdot(encoder.encode(engine.pixels(20)), stored)
    assert float(np.median(cosines)) > 0.98  # kept as small JPEGs


def test_confidence_comes_from_items_that_were_held_out(finetuned: Path, run: Run) -> None:
    with SearchEngine(finetuned) as engine:
        encoder = engine.live("default").encoder()
        assert isinstance(encoder, ProjectedEncoder)
        (judge,) = encoder.projection.origin.judges  # time was up during the first training
        held = judge.held_out
        count = engine.catalog.count(engine.live("default").record)
    assert held
    assert len(held) <= count / 10
    ran = run("calibrate", "--data", finetuned)
    assert (ran.code, f"{len(held)} items" in ran.error) == (2, True)  # and these are too few


@pytest.fixture
def apart(plain: Path) -> Path:
    """A copy with the mean of two trainings, each of which did without another tenth."""
    plan = TrainingPlan(minutes=5.0, members=2, epochs=0.5)
    with SearchEngine(plain) as engine:
        report = finetune_collection(engine, "default", ChangeRequest(force=True), plan=plan)
    assert report.changed
    return plain


def kept(engine: SearchEngine, judges: list[Collection]) -> list[int]:
    """How many items have an embedding by each judge."""
    return [len(read_gallery(engine.catalog, "default", record=one).keys) for one in judges]


def test_each_training_judges_by_what_it_did_without(
    apart: Path, run: Run, photo: Path, tmp_path: Path
) -> None:
    with SearchEngine(apart) as engine:
        record = engine.live("default").record
        projection = projection_of(engine.catalog, record.encoder_options)
        assert projection is not None
        origin, count = projection.origin, engine.catalog.count(record)
        held = [each.held_out for each in origin.judges]
        assert len({origin.fingerprint, *(each.fingerprint for each in origin.judges)}) == 3
        assert len({*held[0], *held[1]}) == len(held[0]) + len(held[1]) > 0
        judges = judged(record, projection)
        assert kept(engine, judges) == [count, count]
    assert len([*(apart / "encoders").glob("*.safetensors")]) == 1
    measured = run("evaluate", "--data", apart, "--json").json
    assert (measured["queries"], measured["relearned"]) == (sum(map(len, held)), 2)
    ran = run("calibrate", "--data", apart)
    assert (ran.code, f"{sum(map(len, held))} items" in ran.error) == (2, True)
    assert run("tune", "--force", "--data", apart, "--json").json["changed"]
    assert run("check", "--data", apart).code == 0
    assert run("snapshot", tmp_path / "kept", "--data", apart).code == 0
    assert run("restore", tmp_path / "kept", "--data", tmp_path / "restored").code == 0
    for data in (apart, tmp_path / "restored"):
        with SearchEngine(data) as engine:
            assert kept(engine, judges) == [count, count]
    assert run("tune", "--undo", "--data", apart).code == 0
    assert run("search", photo, "--data", apart).code == 0


def test_the_quick_way_refreshes_what_is_behind_the_network(
    finetuned: Path, run: Run, photo: Path
) -> None:
    found = answer(run, photo, finetuned)
    ran = run("tune", "--data", finetuned)
    assert (ran.code, "too few to judge" in ran.error) == (2, True)
    ran = run("tune", "--force", "--target", "color", "--data", finetuned, "--json")
    assert (ran.code, ran.json["changed"], ran.json["pooling"]) == (0, True, "multi")
    assert answer(run, photo, finetuned) != found
    with SearchEngine(finetuned) as engine:
        options = engine.catalog.collection("default").encoder_options
        assert {"network", "projection"} <= options.keys()
    assert run("tune", "--undo", "--data", finetuned).code == 0
    assert answer(run, photo, finetuned) == found
    assert run("check", "--data", finetuned).code == 0


def test_undo_goes_back_to_the_network_before(
    finetuned: Path, plain: Path, run: Run, photo: Path
) -> None:
    assert run("tune", "--undo", "--data", finetuned).code == 0
    assert answer(run, photo, finetuned) == answer(run, photo, plain)
    assert run("check", "--data", finetuned).code == 0


def test_an_interrupted_training_goes_on(made: Path, finetuned: Path) -> None:
    first = Interruption(**json.loads((made / "interruption.json").read_text()))
    assert (first.code, first.seconds < SECONDS) == (130, True)
    with SearchEngine(finetuned) as engine:
        assert isinstance(engine.live("default").encoder(), ProjectedEncoder)
    assert not (finetuned / "tuning" / "default").exists()


@pytest.mark.slow
def test_pictures_without_labels_are_learned_from_only_by_force(
    plain: Path, run: Run, photo: Path
) -> None:
    with SearchEngine(plain) as engine:
        record = engine.live("default").record
        keys = [item.key for item in engine.catalog.page(record, 0, 1_000)]
        with engine.catalog.write() as writer:
            writer.describe(record.id, {key: {"label": None} for key in keys})
    before = answer(run, photo, plain)
    ran = run(*FINETUNE, "--data", plain)
    assert (ran.code, "too few labels to tell" in ran.error) == (2, True)
    assert answer(run, photo, plain) == before
    ran = run(*FINETUNE, "--data", plain, "--force", "--json")
    assert (ran.code, ran.json["gate"], ran.json["used"]) == (0, {}, True)
    assert answer(run, photo, plain) != before
    assert run("check", "--data", plain).code == 0


def test_only_networks_can_be_trained(hsv_data: Path, run: Run, tmp_path: Path) -> None:
    data = tmp_path / "drawn"
    copy_data(hsv_data, data)
    ran = run("tune", "--finetune", "--data", data)
    assert (ran.code, "hsv is not a network" in ran.error) == (2, True)
