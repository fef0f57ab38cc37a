"""Texts as queries, by a tiny network with random weights: what it finds means nothing."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api.cli.main import main
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.encoders.texts import text_encoder
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError, UnknownEncoderError, WeightsError
from search_engine.records import SearchResult
from search_engine.search.asked import Asked
from search_engine.search.examples import Example
from tests.api.asking import CLASSIFY, SEARCH, CheckedClient, ask_json, assert_problem
from tests.conftest import once
from tests.tiny_clip import CONFIG, NAME, register, save_tiny_clip


@pytest.fixture(scope="module")
def data(shared: Path, sample: Path) -> Path:
    """A data directory with twelve drawn pictures indexed by the tiny network."""
    weights = save_tiny_clip(shared / "tiny-clip")

    def index(folder: Path) -> None:
        pictures = folder.with_name("clip-pictures")
        pictures.mkdir()
        for photo in sorted((sample / "images").rglob("*.jpg"))[:12]:
            shutil.copy(photo, pictures)
        request = IndexRequest(encoder=NAME, weights=weights)
        report = index_source(open_source(pictures), request, Settings(data=folder, workers=1))
        assert report.added == 12

    return once(shared / "clip-data", index)


@pytest.fixture(scope="module")
def engine(data: Path) -> Iterator[SearchEngine]:
    with SearchEngine(data) as engine:
        yield engine


def found(result: SearchResult) -> list[tuple[str, float]]:
    return [(each.item.item_id, round(each.score, 5)) for each in result.neighbors]


def test_a_text_is_a_query_like_its_embedding(engine: SearchEngine) -> None:
    result = engine.search(text="a red mug", k=5)
    assert len(result.neighbors) == 5
    assert found(engine.search(vector=result.vector, k=5)) == found(result)
    encoder = text_encoder(engine.encoders.of(engine.live("default")), "text")
    np.testing.assert_array_equal(encoder.encode_texts(["a red mug"]), result.vector)
    assert not np.allclose(encoder.encode_texts(["a lamp"]), result.vector, atol=1e-3)


def test_texts_are_examples_and_parts_of_batches(engine: SearchEngine) -> None:
    first, second = [each.item_id for each in engine.items()][:2]
    mixed = engine.similar(first, like=[Example(text="in blue", weight=0.5)], k=4)
    assert first not in dict(found(mixed))
    assert found(mixed) != found(engine.similar(first, k=4))
    asked = [Asked(text="a mug"), Asked(item_id=second), Asked(text="w " * 90), Asked(text=" ")]
    some, item, *refused = engine.search_many(asked, k=3)
    assert isinstance(some, SearchResult)
    assert isinstance(item, SearchResult)
    assert found(some) == found(engine.search(text="a mug", k=3))
    assert ["tokens" in str(each) for each in refused] == [True, False]
    assert "no words" in str(refused[1])


def test_texts_are_in_input_order_and_each_read_once(engine: SearchEngine) -> None:
    encoder = text_encoder(engine.encoders.of(engine.live("default")), "text")
    texts = ["a plate", "a lamp", "a plate", "a mug"]
    rows = encoder.encode_texts(texts)
    assert rows.shape == (4, 48)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(rows[0], rows[2])
    np.testing.assert_allclose(encoder.encode_texts(texts[::-1]), rows[::-1], atol=1e-6)
    assert encoder.encode_texts([]).shape == (0, 48)


def test_a_text_needs_an_encoder_that_reads(hsv_data: Path) -> None:
    with SearchEngine(hsv_data) as engine:
        asks: list[Callable[[], SearchResult]] = [
            lambda: engine.search(text="a mug"),
            lambda: engine.search(like=[{"text": "a mug"}]),
            lambda: engine.classify(item_id="x", labels="mug,plate"),
        ]
        for ask in asks:
            with pytest.raises(ParameterError, match="reads no texts") as caught:
                ask()
            assert "open_clip:" in str(caught.value.fix)


def test_labels_are_chosen_by_what_they_say(engine: SearchEngine) -> None:
    item = next(engine.items()).item_id
    labels = ["Home/Table_Lamp", "mug", "plate"]
    result = engine.classify(item_id=item, labels=labels, k=2)
    assert result.prediction is not None
    votes = result.prediction.votes
    assert sorted(vote.label for vote in votes) == labels
    assert sum(vote.share for vote in votes) == pytest.approx(1)
    assert result.prediction.label == votes[0].label
    assert result.prediction.uncalibrated_because == "labels"
    assert len(result.neighbors) == 2
    encoder = text_encoder(engine.encoders.of(engine.live("default")), "labels")
    near = {
        word: float((encoder.encode_texts([f"a photo of a {word}."]) @ result.vector.T)[0, 0])
        for word in ("Table Lamp", "mug", "plate")
    }
    assert max(near, key=lambda word: near[word]) == votes[0].label.rpartition("/")[2].replace(
        "_", " "
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": "mug"}, "there is one of them"),
        ({"labels": ["mug", "mug"]}, "twice"),
        ({"labels": "mug,,plate"}, "one of them is empty"),
        ({"labels": 3}, "no list of texts"),
        ({"labels": "mug,plate", "vote_k": 3}, "a choice of labels has no vote"),
        ({"labels": "mug,plate", "classifier": "svm"}, "labels of its own"),
        ({"labels": "mug,plate", "accept_accuracy": 0.9}, "nothing is known of the accuracy"),
    ],
    ids=str,
)
def test_labels_that_cannot_be_chosen_from(
    engine: SearchEngine, options: dict[str, Any], said: str
) -> None:
    item = next(engine.items()).item_id
    with pytest.raises(ParameterError, match=said):
        engine.classify(item_id=item, **options)


def test_texts_over_http(data: Path, engine: SearchEngine) -> None:
    wanted = [each.item.item_id for each in engine.search(text="a mug", k=3).neighbors]
    with CheckedClient(data) as client:
        answer = ask_json(client, {"text": "a mug", "k": 3})
        assert answer.status_code == 200, answer.text
        assert [each["item_id"] for each in answer.json()["neighbors"]] == wanted
        body = {"queries": [{"text": "a mug"}, {"text": ""}, {"text": 3}], "k": 3}
        batch = client.post(f"{SEARCH}:batch", json=body).json()["results"]
        assert [each["item_id"] for each in batch[0]["neighbors"]] == wanted
        assert [each["status"] for each in batch[1:]] == [422, 422]
        for labels in ("mug,plate", ["mug", "plate"]):
            body = {"item_id": wanted[0], "labels": labels}
            told = client.post(CLASSIFY, json=body).json()
            assert {each["label"] for each in told["votes"]} == {"mug", "plate"}
            assert told["uncalibrated_because"] == "labels"
        assert_problem(
            client.post(CLASSIFY, json={"item_id": wanted[0], "labels": "mug"}),
            422,
            "bad_parameter",
        )


def test_texts_on_the_command_line(
    data: Path,
    engine: SearchEngine,
    sample: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*arguments: object) -> Any:
        monkeypatch.setattr(sys, "argv", ["eyedex", *map(str, arguments), "--json"])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        return json.loads(capsys.readouterr().out)

    wanted = [each.item.item_id for each in engine.search(text="a mug", k=3).neighbors]
    told = run("search", "--text", "a mug", "--data", data, "-k", 3)
    assert [each["item_id"] for each in told["neighbors"]] == wanted
    photo = min((sample / "images").rglob("*.jpg"))
    told = run("classify", photo, "--data", data, "--labels", "mug,plate")
    assert {each["label"] for each in told["votes"]} == {"mug", "plate"}


def test_the_weights_of_a_network_are_named() -> None:
    pytest.importorskip("ftfy", reason="OpenCLIP is not installed")
    for name, error, said in (
        ("open_clip:ViT-B-32", UnknownEncoderError, "laion2b_s34b_b79k"),
        ("open_clip:ViT-B-32.mine", UnknownEncoderError, "laion2b_s34b_b79k"),
        ("open_clip:ViT-B-33", UnknownEncoderError, "no architecture 'ViT-B-33'"),
        ("open_clip:ViT-B-32.laion2b_s34b_b79k", WeightsError, "--weights"),
    ):
        with pytest.raises(error) as caught:
            create_encoder(EncoderRequest(name))
        assert said in str(caught.value)


def test_weights_of_another_network_are_refused(shared: Path, tmp_path: Path) -> None:
    weights = save_tiny_clip(shared / "tiny-clip")
    register(tmp_path, "wider-clip", {**CONFIG, "embed_dim": 96})
    with pytest.raises(WeightsError, match="do not fit open_clip:wider-clip"):
        create_encoder(EncoderRequest("open_clip:wider-clip", weights=weights))
    with pytest.raises(ParameterError, match="one pooling"):
        create_encoder(EncoderRequest(NAME, weights=weights, pooling="gem"))
