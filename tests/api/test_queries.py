"""Search and classify over HTTP: by a photo, by base64, by an item."""

import base64
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from PIL import Image

from tests.api.asking import (
    CLASSIFY,
    DEFAULT,
    SEARCH,
    CheckedClient,
    ask,
    ask_json,
    assert_problem,
    catalog_rows,
    ids,
)
from tests.images.pictures import animated, jpeg, with_orientation


def test_a_catalog_picture_finds_itself_first(
    client: CheckedClient, first_picture: bytes, first_row: dict[str, str]
) -> None:
    response = ask(client, first_picture)
    body = response.json()
    assert response.status_code == 200
    assert set(body) == {
        "neighbors", "timings_ms", "encoder", "generation", "warnings", "query_token", "request_id",
        "next_cursor",
    }  # fmt: skip
    assert body["warnings"] == []
    assert body["generation"] == "gen-000001"
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["timings_ms"]["total"] > 0
    best = body["neighbors"][0]
    assert best["item_id"] == first_row["item_id"]
    assert best["label"] == first_row["label"]
    assert best["product_id"] == first_row["product_id"]
    assert best["attributes"]["price"] == float(first_row["price"])
    assert best["attributes"]["color"] == first_row["color"]
    assert best["score"] == pytest.approx(1, abs=2e-3)
    scores = [neighbor["score"] for neighbor in body["neighbors"]]
    assert len(scores) == 10
    assert scores == sorted(scores, reverse=True)


def test_pictures_of_neighbors_can_be_fetched(client: CheckedClient, first_picture: bytes) -> None:
    for neighbor in ask(client, first_picture, k="3").json()["neighbors"]:
        answer = client.get(neighbor["image_url"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")


def test_base64_gives_what_the_form_gives(client: CheckedClient, first_picture: bytes) -> None:
    encoded = base64.b64encode(first_picture).decode()
    by_json = ask_json(client, {"image_base64": encoded, "k": 5})
    assert ids(by_json) == ids(ask(client, first_picture, k="5"))


@pytest.mark.parametrize("k", [1, 2, 115, 200])
def test_k_neighbors_or_the_whole_catalog(
    client: CheckedClient, first_picture: bytes, k: int
) -> None:
    found = ids(ask(client, first_picture, k=str(k)))
    assert len(found) == len(set(found)) == min(k, 115)


def test_classify_adds_the_vote(client: CheckedClient, first_picture: bytes) -> None:
    body = ask(client, first_picture, CLASSIFY, k="5").json()
    assert {"label", "confidence", "abstained", "reason", "votes", "neighbors"} <= set(body)
    assert sum(vote["share"] for vote in body["votes"]) == pytest.approx(1, abs=1e-4)
    assert body["votes"] == sorted(body["votes"], key=lambda vote: -vote["share"])
    assert body["abstained"] or body["label"] == body["votes"][0]["label"]
    assert len(body["neighbors"]) == 5


ANSWER = ("label", "confidence", "calibrated", "abstained", "reason", "levels", "votes", "voters")


def test_classify_is_calibrated_unless_it_is_asked_for_another_vote(
    client: CheckedClient, first_picture: bytes
) -> None:
    body = ask(client, first_picture, CLASSIFY).json()
    assert body["calibrated"] is True
    sure = [level["confidence"] for level in body["levels"]]
    assert sure == sorted(sure, reverse=True)
    assert body["levels"][-1]["label"] == body["votes"][0]["label"]
    assert body["uncalibrated_because"] is None
    for fields in ({"k": "7"}, {"min_score": "0.1"}, {"group_by": "product_id"}):
        same = ask(client, first_picture, CLASSIFY, **fields).json()
        assert {name: same[name] for name in ANSWER} == {name: body[name] for name in ANSWER}
    one = ask(client, first_picture, CLASSIFY, vote_k="1", k="3").json()
    assert (one["votes"][0]["share"], one["voters"], len(one["neighbors"])) == (1, 1, 3)
    assert (one["calibrated"], one["uncalibrated_because"]) == (False, "vote_k")
    plain = ask(client, first_picture, CLASSIFY, rerank="dba").json()
    assert (plain["calibrated"], plain["uncalibrated_because"]) == (False, "rerank")
    assert plain["warnings"] == [
        "vote_not_calibrated: re-ranking lets other items vote than those that were calibrated"
    ]


def test_answers_are_accepted_for_an_accuracy(client: CheckedClient, first_picture: bytes) -> None:
    free = ask(client, first_picture, CLASSIFY).json()
    some = ask(client, first_picture, CLASSIFY, accept_accuracy="0.5").json()
    assert some["levels"] == free["levels"]
    assert some["label"] in [None, *(level["label"] for level in free["levels"])]
    assert some["abstained"] == (some["label"] is None) == (some["reason"] is not None)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"accept_accuracy": "1.5"}, "not a share"),
        ({"accept_accuracy": "x"}, "not a share"),
        ({"accept_accuracy": "0"}, "not an accuracy"),
        ({"accept_accuracy": "0.99999"}, "no confidence promises an accuracy"),
        ({"accept_accuracy": "0.9", "rerank": "dba"}, "leave out `rerank`"),
        ({"accept_accuracy": "0.9", "target": "view"}, "calibrate view first"),
    ],
)
def test_accuracies_that_cannot_be_promised_are_refused(
    client: CheckedClient, first_picture: bytes, fields: dict[str, str], said: str
) -> None:
    response = ask(client, first_picture, CLASSIFY, **fields)
    assert said in assert_problem(response, 422, "bad_parameter")["detail"]


def test_classify_by_an_attribute(
    client: CheckedClient, first_picture: bytes, first_row: dict[str, str]
) -> None:
    body = ask(client, first_picture, CLASSIFY, k="1", target="color").json()
    assert first_row["color"] in [vote["label"] for vote in body["votes"]]
    assert body["neighbors"][0]["attributes"]["color"] == first_row["color"]


def test_classify_by_a_field_that_is_not_there_lists_the_fields(
    client: CheckedClient, first_picture: bytes
) -> None:
    response = ask(client, first_picture, CLASSIFY, target="weight")
    assert "color" in assert_problem(response, 422, "bad_parameter")["detail"]


def test_an_item_is_searched_by_its_id(client: CheckedClient, first_row: dict[str, str]) -> None:
    item_id = first_row["item_id"]
    by_search = ids(ask_json(client, {"item_id": item_id, "k": 4}))
    by_route = ids(client.get(f"{DEFAULT}/similar/{item_id}", params={"k": 4}))
    assert by_search == by_route
    assert len(by_route) == 4
    assert item_id not in by_route


def test_similar_takes_filters_and_groups(client: CheckedClient, first_row: dict[str, str]) -> None:
    wanted = '{"field": "view", "eq": "front"}'
    parameters = {"k": "5", "filter": wanted, "group_by": "label", "min_score": "-1"}
    response = client.get(f"{DEFAULT}/similar/{first_row['item_id']}", params=parameters)
    neighbors = response.json()["neighbors"]
    assert len({one["label"] for one in neighbors}) == len(neighbors) == 5
    assert {one["attributes"]["view"] for one in neighbors} == {"front"}


@pytest.mark.parametrize("query", ["box=0,0,1,1", "target=label", "k=1&k=2", "K=3"])
def test_similar_refuses_parameters_it_does_not_know_or_that_repeat(
    client: CheckedClient, first_row: dict[str, str], query: str
) -> None:
    response = client.get(f"{DEFAULT}/similar/{first_row['item_id']}?{query}")
    assert_problem(response, 422, "bad_parameter")


def test_similar_of_an_unknown_item_is_404(client: CheckedClient) -> None:
    assert_problem(client.get(f"{DEFAULT}/similar/nothing"), 404, "item_not_found")
    assert_problem(ask_json(client, {"item_id": "nothing"}), 404, "item_not_found")
    assert_problem(ask_json(client, {"item_id": "nothing"}, CLASSIFY), 404, "item_not_found")


def test_filters_narrow_the_search(
    client: CheckedClient, first_picture: bytes, sample: Path
) -> None:
    wanted = '{"all": [{"field": "price", "lt": 30}, {"field": "label", "under": "Accessories"}]}'
    expected = {
        row["item_id"]
        for row in catalog_rows(sample)
        if float(row["price"]) < 30 and row["label"].startswith("Accessories/")
    }
    assert expected
    assert set(ids(ask(client, first_picture, k="200", filter=wanted))) == expected


def test_a_filter_that_nothing_fulfils_finds_nothing(
    client: CheckedClient, first_picture: bytes
) -> None:
    assert ids(ask(client, first_picture, filter='{"field": "price", "lt": 0}')) == []


def test_json_filters_may_be_objects(client: CheckedClient, first_row: dict[str, str]) -> None:
    only = {"field": "product_id", "eq": first_row["product_id"]}
    found = ask_json(client, {"item_id": first_row["item_id"], "filter": only}).json()
    assert {one["product_id"] for one in found["neighbors"]} == {first_row["product_id"]}


def counted(rows: Iterable[Mapping[str, str]], field: str) -> list[dict[str, object]]:
    """Facets of rows of the drawn catalog: best count first, then the value."""
    counts = Counter(row[field] for row in rows if row[field])
    best = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:20]
    return [{"value": value, "count": count} for value, count in best]


@pytest.mark.parametrize("path", [SEARCH, CLASSIFY])
def test_facets_count_all_items_and_not_only_the_neighbors(
    client: CheckedClient, first_picture: bytes, sample: Path, path: str
) -> None:
    rows = catalog_rows(sample)
    body = ask(client, first_picture, path, k="3", facets="label, color").json()
    assert len(body["neighbors"]) == 3
    assert list(body["facets"]) == ["label", "color"]
    assert body["facets"]["label"] == counted(rows, "label")
    assert body["facets"]["color"] == counted(rows, "color")
    assert "facets" not in ask(client, first_picture, path).json()


def test_facets_count_what_fulfils_the_filter(
    client: CheckedClient, first_row: dict[str, str], sample: Path
) -> None:
    wanted = {"field": "label", "under": "Accessories"}
    rows = [row for row in catalog_rows(sample) if row["label"].startswith("Accessories/")]
    form = {"item_id": first_row["item_id"], "filter": wanted, "facets": ["color", "view"]}
    found = ask_json(client, form).json()["facets"]
    assert found == {"color": counted(rows, "color"), "view": counted(rows, "view")}
    parameters = {"filter": json.dumps(wanted), "facets": "color,view"}
    similar = client.get(f"{DEFAULT}/similar/{first_row['item_id']}", params=parameters)
    assert similar.json()["facets"] == found
    del parameters["facets"]
    alone = client.get(f"{DEFAULT}/facets", params={**parameters, "fields": "color,view"})
    assert alone.json() == {"facets": found, "warnings": []}


def test_a_facet_leads_to_as_many_items_as_it_counts(
    client: CheckedClient, first_picture: bytes
) -> None:
    facets = client.get(f"{DEFAULT}/facets?fields=color,price,label").json()["facets"]
    for field, values in facets.items():
        for each in values[:3]:
            wanted = json.dumps({"field": field, "eq": each["value"]})
            assert len(ids(ask(client, first_picture, k="200", filter=wanted))) == each["count"]


@pytest.mark.parametrize(
    ("facets", "said"),
    [
        ("weight", "facets: there is no such field: weight; known: label, product_id, color"),
        ("item_id", "facets: there is no such field"),
        ("color,", "facets: not names of fields"),
        (",", "facets: not names of fields"),
        (5, "facets: not names of fields"),
        ({"color": 1}, "facets: not names of fields"),
        (["color", 5], "facets: not names of fields"),
        ([""], "facets: not names of fields"),
        (",".join(map(str, range(11))), "facets: too many fields"),
    ],
)
def test_facets_that_cannot_be_are_refused(
    client: CheckedClient, first_row: dict[str, str], facets: object, said: str
) -> None:
    response = ask_json(client, {"item_id": first_row["item_id"], "facets": facets})
    assert assert_problem(response, 422, "bad_parameter")["detail"].startswith(said)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "bad_parameter"),
        ("?fields=", "bad_parameter"),
        ("?fields=weight", "bad_parameter"),
        ("?fields=color&fields=view", "bad_parameter"),
        ("?fields=color&k=3", "bad_parameter"),
        ("?fields=color&filter={", "bad_filter"),
        ('?fields=color&filter={"field":"weight","eq":1}', "unknown_field"),
    ],
)
def test_facets_alone_are_asked_for_properly(client: CheckedClient, query: str, code: str) -> None:
    assert_problem(client.get(f"{DEFAULT}/facets{query}"), 422, code)


def test_groups_give_one_neighbor_each(client: CheckedClient, first_picture: bytes) -> None:
    neighbors = ask(client, first_picture, k="8", group_by="product_id").json()["neighbors"]
    assert len({one["product_id"] for one in neighbors}) == len(neighbors) == 8


def test_min_score_cuts_the_tail(client: CheckedClient, first_picture: bytes) -> None:
    every = ask(client, first_picture, k="50").json()["neighbors"]
    cut = every[3]["score"] - 1e-4
    some = ask(client, first_picture, k="50", min_score=f"{cut:.6f}").json()["neighbors"]
    assert len(every) == 50
    assert 4 <= len(some) < 50
    assert all(one["score"] >= cut for one in some)


def test_a_box_looks_at_a_part(client: CheckedClient, first_picture: bytes) -> None:
    whole = ask(client, first_picture, box="0,0,1,1").json()["neighbors"]
    part = ask(client, first_picture, box="0,0,0.3,0.3").json()["neighbors"]
    assert whole == ask(client, first_picture).json()["neighbors"]
    assert part[0]["score"] < whole[0]["score"]
    encoded = base64.b64encode(first_picture).decode()
    listed = ask_json(client, {"image_base64": encoded, "box": [0, 0, 0.3, 0.3]}).json()
    assert listed["neighbors"] == part


def test_animations_are_answered_with_a_warning(client: CheckedClient) -> None:
    for kind in ("GIF", "PNG", "WEBP"):
        response = ask(client, animated(kind))
        assert response.status_code == 200
        codes = [each.partition(":")[0] for each in response.json()["warnings"]]
        assert codes == ["foreign", "first_frame_used"]


def test_turned_photos_find_the_same(client: CheckedClient, first_picture: bytes) -> None:
    upright = Image.open(io.BytesIO(first_picture)).convert("RGB")
    lying = with_orientation(upright.transpose(Image.Transpose.ROTATE_90), 6)
    best = ask(client, lying).json()["neighbors"][0]
    assert best["score"] == pytest.approx(1, abs=0.03)
    assert best["item_id"] == ids(ask(client, first_picture))[0]


def test_an_empty_collection_finds_nothing(changing: CheckedClient) -> None:
    assert changing.post("/v1/collections", json={"name": "hollow"}).status_code == 201
    path = "/v1/collections/hollow"
    assert changing.get(f"{path}/labels").json() == {"labels": [], "next_cursor": None}
    nothing: dict[str, object] = {"items": [], "next_cursor": None, "total": 0, "warnings": []}
    assert changing.get(f"{path}/items").json() == nothing
    assert changing.get(f"{path}/facets?fields=label").json()["facets"] == {"label": []}
    assert_problem(ask_json(changing, {"item_id": "x"}, f"{path}/search"), 404, "item_not_found")


@pytest.mark.parametrize("path", [SEARCH, CLASSIFY])
def test_a_collection_that_is_not_there_is_404(client: CheckedClient, path: str) -> None:
    for name in ("nothing", "NOTHING", "a.b", "%00", "x" * 64):
        response = ask(client, jpeg(), path.replace("default", name))
        assert_problem(response, 404, "collection_not_found")
