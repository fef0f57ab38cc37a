"""Trained classifiers over HTTP: answers, their list, and what is refused."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api.cli.exits import Exit, exit_code
from search_engine.classifiers import storage
from search_engine.classifiers.collection import train
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError, ModelMismatchError, ParameterError
from search_engine.storage.paths import DataPaths
from search_engine.vote.tally import VoteRule
from tests.api.asking import CLASSIFY, DEFAULT, CheckedClient, ask, ask_json, assert_problem
from tests.api.described import resolved
from tests.conftest import copy_data
from tests.faults.test_interruption import eyedex

LIST = f"{DEFAULT}/classifiers"
ANSWER = ("label", "confidence", "calibrated", "abstained", "reason", "levels", "votes")


@pytest.fixture(scope="module")
def learned(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn catalog with two classifiers. Do not change it."""
    data: Path = copy_data(hsv_data, tmp_path_factory.mktemp("learned") / "data")
    with SearchEngine(data) as engine:
        train(engine.catalog, "default", "svm", "color")
        train(engine.catalog, "default", "class-mean")
    return data


@pytest.fixture(scope="module")
def client(learned: Path) -> Iterator[CheckedClient]:
    with CheckedClient(learned) as made:
        yield made


@pytest.fixture
def own(learned: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return copy_data(learned, tmp_path / "data")


@pytest.fixture(scope="module")
def photos(sample: Path) -> list[Path]:
    return sorted((sample / "shopper").rglob("*.jpg"))


def answer_of(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in ANSWER}


def nearly(answer: Any) -> Any:
    """But for rounding: one photo and many at once differ in the seventh decimal."""
    if isinstance(answer, dict):
        return {name: nearly(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [nearly(value) for value in answer]
    return pytest.approx(answer, abs=2e-6) if isinstance(answer, float) else answer


@pytest.mark.parametrize(("name", "target"), [("class-mean", "label"), ("svm", "color")])
def test_the_answers_are_those_of_the_command_line(
    client: CheckedClient, learned: Path, photos: list[Path], name: str, target: str
) -> None:
    ran = eyedex(
        "classify", *photos, "--data", learned, "--with", name, "--target", target, "--json"
    )
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(lines) == len(photos) > 5
    for photo, line in zip(photos, lines, strict=True):
        response = ask(client, photo.read_bytes(), CLASSIFY, target=target, **{"with": name})
        body = response.json()
        assert response.status_code == 200
        assert answer_of(body) == nearly(answer_of(line))
        found = [one["item_id"] for one in body["neighbors"]]
        assert found == [one["item_id"] for one in line["neighbors"]]
        assert len(found) == 10
        assert body["calibrated"] is True
        assert body["warnings"] == []


def test_the_probabilities_are_those_of_the_model(learned: Path, photos: list[Path]) -> None:
    with SearchEngine(learned) as engine:
        model = engine.classifier("class-mean").model
        for photo in photos[:5]:
            result = engine.classify(photo, classifier="class-mean")
            row = model.predict_proba(result.vector)[0]
            assert result.prediction is not None
            assert result.prediction.label == model.classes[int(row.argmax())]
            assert result.prediction.confidence == pytest.approx(float(row.max()))
            np.testing.assert_allclose(np.linalg.norm(result.vector), 1, atol=2e-3)


def test_form_json_and_token_say_the_same(client: CheckedClient, photos: list[Path]) -> None:
    by_form = ask(client, photos[0].read_bytes(), CLASSIFY, **{"with": "class-mean"}).json()
    token = {"query_token": by_form["query_token"], "with": "class-mean"}
    assert answer_of(ask_json(client, token, CLASSIFY).json()) == answer_of(by_form)
    vote = ask_json(client, {"query_token": by_form["query_token"]}, CLASSIFY).json()
    assert answer_of(vote) != answer_of(by_form)
    empty = {"query_token": by_form["query_token"], "with": ""}
    assert ask_json(client, empty, CLASSIFY).status_code == 422


def test_neighbors_are_evidence_only(client: CheckedClient, photos: list[Path]) -> None:
    wanted = '{"field": "view", "eq": "front"}'
    fields = {"with": "class-mean"}
    plain = ask(client, photos[0].read_bytes(), CLASSIFY, **fields).json()
    narrow = ask(client, photos[0].read_bytes(), CLASSIFY, k="3", filter=wanted, **fields).json()
    assert answer_of(narrow) == answer_of(plain)
    assert len(narrow["neighbors"]) == 3
    assert {one["attributes"]["view"] for one in narrow["neighbors"]} == {"front"}


def test_an_item_is_classified_by_its_id(
    client: CheckedClient, learned: Path, first_row: dict[str, str]
) -> None:
    item_id = first_row["item_id"]
    body = ask_json(client, {"item_id": item_id, "with": "class-mean"}, CLASSIFY).json()
    with SearchEngine(learned) as engine:
        record = engine.catalog.collection("default")
        vector = engine.catalog.vector(record, engine.catalog.get(record, item_id).key)
        row = engine.classifier("class-mean").model.predict_proba(vector)[0]
    assert body["confidence"] == pytest.approx(float(row.max()), abs=1e-6)
    assert item_id not in [one["item_id"] for one in body["neighbors"]]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"with": "svm"}, "`eyedex train --with svm` on the server makes it"),
        (
            {"with": "class-mean", "target": "color"},
            "class-mean --target color` on the server",
        ),
        ({"with": "oracle"}, "known: class-mean, logistic, linear-svm, svm, forest"),
        ({"with": "../../etc/passwd"}, "there is no classifier of this name"),
        ({"with": "x" * 10_000}, "there is no classifier of this name"),
    ],
)
def test_what_was_not_trained_is_404(
    client: CheckedClient, photos: list[Path], fields: dict[str, str], said: str
) -> None:
    response = ask(client, photos[0].read_bytes(), CLASSIFY, **fields)
    detail = assert_problem(response, 404, "classifier_not_found")["detail"]
    assert said in detail
    assert "passwd" not in detail


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"with": "svm", "target": "weight"}, "there is no such field"),
        ({"with": "class-mean", "accept_accuracy": 0.9}, "nothing is known of the accuracy"),
        ({"with": "class-mean", "k": 0}, "not a whole number"),
        ({"with": 7}, "with: not a text"),
        ({"with": ["svm"]}, "with: not a text"),
        ({"with": "a\u0000"}, "cannot be stored"),
    ],
)
def test_what_cannot_be_asked_is_422(
    client: CheckedClient, first_row: dict[str, str], fields: dict[str, Any], said: str
) -> None:
    response = ask_json(client, {"item_id": first_row["item_id"], **fields}, CLASSIFY)
    assert said in assert_problem(response, 422, "bad_parameter")["detail"]


def changed_origin(data: Path, name: str, **changes: Any) -> Path:
    file = storage.file_of(DataPaths(data).classifiers("default"), name, "label")
    stored = storage.load(file)
    return storage.save(
        file.parent, replace(stored, origin=stored.origin.model_copy(update=changes))
    )


def test_another_encoder_is_refused_as_on_the_command_line(own: Path, photos: list[Path]) -> None:
    changed_origin(own, "class-mean", fingerprint="e" * 32)
    ran = eyedex("classify", photos[0], "--data", own, "--with", "class-mean", "--json")
    assert (ran.returncode, json.loads(ran.stderr)["code"]) == (7, "model_mismatch")
    with CheckedClient(own) as client:
        response = ask(client, photos[0].read_bytes(), CLASSIFY, **{"with": "class-mean"})
        assert "train it again" in assert_problem(response, 503, "model_mismatch")["detail"]
        assert response.headers["retry-after"]
        assert [one["classifier"] for one in client.get(LIST).json()["classifiers"]] == ["svm"]
    with SearchEngine(own) as engine, pytest.raises(ModelMismatchError) as caught:
        engine.classify(photos[0], classifier="class-mean")
    assert caught.value.fix == "`eyedex train --with class-mean` makes a new one"


def test_a_damaged_file_is_refused_and_nothing_of_it_told(own: Path, photos: list[Path]) -> None:
    file = storage.file_of(DataPaths(own).classifiers("default"), "class-mean", "label")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with CheckedClient(own) as client:
        response = ask(client, photos[0].read_bytes(), CLASSIFY, **{"with": "class-mean"})
        assert_problem(response, 503, "storage_corrupt")
        assert client.post(CLASSIFY, files={"image": photos[0].read_bytes()}).status_code == 200


def test_a_running_server_notices_changes_and_new_training(own: Path, photos: list[Path]) -> None:
    with CheckedClient(own) as client, SearchEngine(own) as engine:

        def say() -> dict[str, Any]:
            found: dict[str, Any] = ask(
                client, photos[0].read_bytes(), CLASSIFY, **{"with": "class-mean"}
            ).json()
            return found

        before = say()
        item = before["neighbors"][0]["item_id"]
        assert client.delete(f"{DEFAULT}/items/{item}").status_code == 204
        assert say()["warnings"][0].startswith("classifier_outdated: the collection changed")
        assert answer_of(say()) == answer_of(before)
        assert {one["outdated"] for one in client.get(LIST).json()["classifiers"]} == {True}
        train(engine.catalog, "default", "class-mean")
        assert say()["warnings"] == []
        assert say()["votes"] != before["votes"]
        listed = {
            one["classifier"]: one["outdated"] for one in client.get(LIST).json()["classifiers"]
        }
        assert listed == {"class-mean": False, "svm": True}


def test_the_list_tells_what_each_learned_from(client: CheckedClient, learned: Path) -> None:
    response = client.get(LIST)
    assert response.status_code == 200
    class_mean, svm = response.json()["classifiers"]
    with SearchEngine(learned) as engine:
        record = engine.catalog.collection("default")
        for listed, name, target in (
            (class_mean, "class-mean", "label"),
            (svm, "svm", "color"),
        ):
            opened = engine.classifier(name, target)
            assert listed == {
                "classifier": name,
                "target": target,
                "items": 115,
                "classes": len(opened.model.classes),
                "held_out_accuracy": round(opened.model.held_out_accuracy or -1, 5),
                "temperature": round(opened.model.temperature, 5),
                "encoder": record.fingerprint,
                "seq": opened.origin.seq,
                "outdated": False,
            }


def test_the_list_of_a_collection_without_any_is_empty(own: Path) -> None:
    with CheckedClient(own) as client:
        client.post("/v1/collections", json={"name": "winter"})
        assert client.get("/v1/collections/winter/classifiers").json() == {"classifiers": []}
        assert_problem(
            client.get("/v1/collections/summer/classifiers"), 404, "collection_not_found"
        )
        response = ask_json(
            client, {"item_id": "x", "with": "svm"}, "/v1/collections/winter/classify"
        )
        assert_problem(response, 404, "classifier_not_found")


def test_a_server_that_only_reads_answers_too(learned: Path, photos: list[Path]) -> None:
    with CheckedClient(learned, read_only=True) as client:
        answer = ask(client, photos[0].read_bytes(), CLASSIFY, **{"with": "class-mean"})
        assert answer.status_code == 200
        assert len(client.get(LIST).json()["classifiers"]) == 2


def test_it_is_described(client: CheckedClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    content = paths["/v1/collections/{c}/classify"]["post"]["requestBody"]["content"]
    for kind in ("multipart/form-data", "application/json"):
        assert (
            "trained classifier"
            in resolved(content[kind]["schema"])["properties"]["with"]["description"]
        )
    assert "404" in paths["/v1/collections/{c}/classifiers"]["get"]["responses"]


def test_there_is_no_vote_to_be_had(learned: Path, photos: list[Path]) -> None:
    with SearchEngine(learned) as engine, pytest.raises(ParameterError, match="has no vote"):
        engine.classify(photos[0], classifier="class-mean", rule=VoteRule())


def test_unknown_names_are_wrong_usage_on_the_command_line(
    learned: Path, photos: list[Path]
) -> None:
    with SearchEngine(learned) as engine, pytest.raises(EyedexError) as caught:
        engine.classify(photos[0], classifier="oracle")
    assert exit_code(caught.value) == Exit.USAGE
    ran = eyedex("classify", photos[0], "--data", learned, "--with", "oracle", "--json")
    assert (ran.returncode, json.loads(ran.stderr)["code"]) == (2, "classifier_not_found")


def test_only_some_are_kept_in_memory(own: Path) -> None:
    from search_engine.classifiers.trained import ClassifierCache

    cache = ClassifierCache(kept=1)
    files = storage.classifier_files(DataPaths(own).classifiers("default"))
    first = cache.load(files[0])
    assert cache.load(files[0]) is first
    cache.load(files[1])
    assert cache.load(files[0]) is not first
    assert len(cache._known) == 1
