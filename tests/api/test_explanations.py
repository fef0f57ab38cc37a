"""Explanations over HTTP, in Python and on the command line, by the default network."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.search.options import SearchArguments
from tests.api.asking import DEFAULT, CheckedClient, ask, ask_json, assert_problem
from tests.conftest import copy_data

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def network(cnn_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckedClient]:
    """On a copy of the drawn catalog that the default network embedded, computed by torch."""
    data = tmp_path_factory.mktemp("explained") / "data"
    copy_data(cnn_data, data)
    with CheckedClient(data, runtime="torch-float32") as made:
        yield made


def total(heat: dict[str, Any]) -> float:
    return float(sum(map(sum, heat["grid"])))


def test_grids_of_a_photo_and_its_neighbors_add_up_to_the_score(
    network: CheckedClient, first_picture: bytes
) -> None:
    body = ask(network, first_picture, k="4", explain="grid").json()
    assert body["warnings"] == []
    assert body["timings_ms"]["explain"] > 0
    for one in body["neighbors"]:
        found = one["explanation"]
        assert found["shared"] == []
        for heat in (found["query"], found["item"]):
            assert total(heat) == pytest.approx(one["score"], abs=0.01)
            assert len(heat["grid"]) == len(heat["grid"][0]) == 7
            x, y, width, height = heat["box"]
            assert 0 <= x < x + width <= 1.0001
            assert 0 <= y < y + height <= 1.0001
            assert "png" not in heat


def test_heat_maps_are_pictures_to_lay_over(network: CheckedClient, first_picture: bytes) -> None:
    (one,) = ask(network, first_picture, k="1", explain="heatmap").json()["neighbors"]
    kind, _, data = one["explanation"]["item"]["png"].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data).startswith(b"\x89PNG")


def test_a_region_is_explained_where_it_lies(network: CheckedClient, first_picture: bytes) -> None:
    asked = ask(network, first_picture, k="1", explain="grid", box="0.5,0.25,0.5,0.5")
    x, y, width, height = asked.json()["neighbors"][0]["explanation"]["query"]["box"]
    assert x >= 0.49
    assert y >= 0.24
    assert width <= 0.51
    assert height <= 0.51


def test_items_share_fields(network: CheckedClient, first_row: dict[str, str]) -> None:
    path = f"{DEFAULT}/similar/{first_row['item_id']}?k=3&explain=grid"
    for one in network.get(path).json()["neighbors"]:
        found = one["explanation"]
        assert total(found["query"]) == pytest.approx(one["score"], abs=0.01)
        assert ("label" in found["shared"]) == (one["label"] == first_row["label"])


def test_what_has_no_picture_here_is_said(network: CheckedClient, first_picture: bytes) -> None:
    plain = ask(network, first_picture, k="2").json()
    assert "explanation" not in plain["neighbors"][0]
    token = {"query_token": plain["query_token"], "k": 2, "explain": "grid"}
    body = ask_json(network, token).json()
    assert body["neighbors"][0]["explanation"]["query"] is None
    assert [each.partition(":")[0] for each in body["warnings"]] == ["query_not_explained"]


@pytest.mark.parametrize("explain", ["true", "Grid", "grid,heatmap"])
def test_other_forms_are_refused(
    network: CheckedClient, first_picture: bytes, explain: str
) -> None:
    found = assert_problem(ask(network, first_picture, explain=explain), 422, "bad_parameter")
    assert "grid, heatmap" in found["detail"]


def test_too_many_are_refused(network: CheckedClient, first_picture: bytes) -> None:
    found = ask(network, first_picture, explain="grid", k="51")
    assert "`k` of 50" in assert_problem(found, 422, "bad_parameter")["detail"]


def test_many_questions_are_not_explained(
    network: CheckedClient, first_row: dict[str, str]
) -> None:
    asked = {"queries": [{"item_id": first_row["item_id"]}], "explain": "grid"}
    assert_problem(ask_json(network, asked, f"{DEFAULT}/search:batch"), 422, "bad_parameter")


def test_encoders_without_maps_have_fewer_places(
    client: CheckedClient, first_picture: bytes
) -> None:
    body = ask(client, first_picture, explain="grid", k="2").json()
    assert body["warnings"] == []
    for one in body["neighbors"]:
        for heat in (one["explanation"]["query"], one["explanation"]["item"]):
            assert total(heat) == pytest.approx(one["score"], abs=0.01)
            assert len(heat["grid"]) == len(heat["grid"][0]) == 4


@pytest.fixture
def engine(network: CheckedClient) -> SearchEngine:
    """That of the app, whose network is loaded."""
    served: SearchEngine = network.app.state.engine  # type: ignore[attr-defined]
    return served


def test_a_neighbor_whose_picture_is_gone_or_another_is_named(
    engine: SearchEngine, sample: Path, tmp_path: Path, first_picture: bytes
) -> None:
    shown = engine.search(first_picture, k=3, explain="grid")
    assert all(each.explanation is not None for each in shown.neighbors)
    engine.upsert("here", first_picture)
    stored = engine.search(first_picture, k=1, explain="grid").neighbors[0]
    assert stored.explanation is not None
    assert stored.explanation.item.grid.sum() == pytest.approx(stored.score, abs=0.05)
    engine.remove("here")


def test_nothing_found_is_nothing_to_explain(engine: SearchEngine, first_picture: bytes) -> None:
    options: SearchArguments = {"explain": "grid", "filter": "label = 'nothing'"}
    assert engine.search(first_picture, **options).neighbors == ()


def test_python_refuses_as_http_does(engine: SearchEngine, first_picture: bytes) -> None:
    with pytest.raises(ParameterError, match="known: grid, heatmap"):
        engine.search(first_picture, explain="map")


def test_regions_are_proposed(network: CheckedClient, first_picture: bytes) -> None:
    body = ask(network, first_picture, k="1", regions="propose").json()
    assert 1 <= len(body["regions"]) <= 4
    box = ",".join(str(side) for side in body["regions"][0]["box"])
    assert ask(network, first_picture, box=box).status_code == 200
    assert body["timings_ms"]["regions"] > 0
