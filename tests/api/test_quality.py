"""How far votes can be trusted, and going back to an earlier index, over HTTP."""

from __future__ import annotations

from search_engine.engine import SearchEngine
from search_engine.vote.calibration.collection import calibrate_collection
from tests.api.asking import DEFAULT, CheckedClient, assert_problem


def test_a_calibration_tells_how_many_answers_are_right(client: CheckedClient) -> None:
    unknown = client.get(f"{DEFAULT}/calibration", params={"target": "color"}).json()
    assert (unknown["calibrated"], unknown["curve"], unknown["accuracy"]) == (False, [], None)
    with SearchEngine(client.data) as engine:
        made = calibrate_collection(engine.catalog, "default")
    found = client.get(f"{DEFAULT}/calibration").json()
    assert (found["target"], found["calibrated"], found["outdated"]) == ("label", True, False)
    assert found["items"] == 115
    assert [each["confidence"] for each in found["curve"]] == [
        round(each.confidence, 5) for each in made.curve
    ]
    assert_problem(client.get(f"{DEFAULT}/calibration?target=no"), 422, "bad_parameter")
    assert_problem(client.get("/v1/collections/none/calibration"), 404, "collection_not_found")


def test_going_back_to_the_index_before(changing: CheckedClient) -> None:
    (only,) = changing.get(f"{DEFAULT}/generations").json()["generations"]
    assert (only["name"], only["current"], only["sound"]) == ("gen-000001", True, True)
    assert_problem(changing.post(f"{DEFAULT}/rollback"), 404, "not_found")
    with SearchEngine(changing.data) as engine:
        assert engine.live("default").rebuild(None) == "gen-000002"
    both = changing.get(f"{DEFAULT}/generations").json()
    assert both["former_encoder"] is None
    assert [(each["name"], each["current"]) for each in both["generations"]] == [
        ("gen-000002", True),
        ("gen-000001", False),
    ]
    back = changing.post(f"{DEFAULT}/rollback").json()["generations"]
    assert [each["current"] for each in back] == [False, True]
    assert changing.get(DEFAULT).json()["generation"] == "gen-000001"
    assert_problem(changing.get("/v1/collections/none/generations"), 404, "collection_not_found")
