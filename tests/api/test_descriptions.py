"""Words, colours and palettes over HTTP."""

import base64

from tests.api.asking import (
    CLASSIFY,
    DEFAULT,
    SEARCH,
    CheckedClient,
    ask,
    ask_json,
    assert_problem,
    ids,
)


def test_words_and_colours_need_no_picture(client: CheckedClient) -> None:
    by_words = ask_json(client, {"q": "red backpack", "k": 5, "facets": ["picture_color"]})
    assert by_words.status_code == 200, by_words.text
    assert ids(by_words)[0].startswith("backpack")
    assert by_words.json()["query_token"] is None
    assert by_words.json()["facets"]["picture_color"][0]["count"] > 1
    by_color = ask_json(client, {"color": {"#148287": 1}, "include": "palette", "k": 3})
    (first, *_) = by_color.json()["neighbors"]
    assert {"color", "name", "share"} == set(first["palette"][0])
    as_text = ask_json(client, {"color": "#148287", "k": 3})
    assert ids(as_text) == ids(by_color)


def test_words_and_colours_go_beside_a_picture(client: CheckedClient, first_picture: bytes) -> None:
    form = ask(client, first_picture, q="lamp", color="same", color_weight="0.3", k="5")
    assert form.status_code == 200, form.text
    encoded = base64.b64encode(first_picture).decode()
    body = {"image_base64": encoded, "q": "lamp", "color": "same", "color_weight": 0.3, "k": 5}
    assert ids(ask_json(client, body)) == ids(form)
    item = ids(form)[0]
    similar = client.get(f"{DEFAULT}/similar/{item}?q=lamp&color=teal&k=3")
    assert similar.status_code == 200, similar.text
    batch = client.post(f"{SEARCH}:batch", json={"queries": [{"item_id": item}], "q": "lamp"})
    assert len(batch.json()["results"]) == 1


def test_items_tell_their_palettes(client: CheckedClient, first_row: dict[str, str]) -> None:
    one = client.get(f"{DEFAULT}/items/{first_row['item_id']}?include=palette").json()
    assert 0.9 < sum(each["share"] for each in one["palette"]) < 1.1
    listed = client.get(f"{DEFAULT}/items?include=palette&limit=3").json()["items"]
    assert all(each["palette"] for each in listed)
    assert "palette" not in client.get(f"{DEFAULT}/items?limit=1").json()["items"][0]


def test_items_are_listed_by_the_colours_of_their_pictures(client: CheckedClient) -> None:
    page = client.get(f"{DEFAULT}/items?filter=picture_color = red&include=palette&limit=500")
    items = page.json()["items"]
    assert items
    for each in items:
        assert sum(one["share"] for one in each["palette"] if one["name"] == "red") > 0.1
    wrong = client.get(f"{DEFAULT}/items?filter=picture_color = rad").json()
    assert "did you mean" in wrong["warnings"][0] or "red" in wrong["warnings"][0]
    facets = client.get(f"{DEFAULT}/facets?fields=picture_color&filter=picture_color = red").json()
    (count,) = (one["count"] for one in facets["facets"]["picture_color"] if one["value"] == "red")
    assert count == len(items)


def test_what_is_wrong_with_words_and_colours_is_said(
    client: CheckedClient, first_picture: bytes
) -> None:
    assert_problem(ask_json(client, {"color": "teel"}), 422, "bad_parameter")
    assert_problem(ask_json(client, {"q": "!"}), 422, "bad_parameter")
    assert_problem(ask_json(client, {"q": "mug", "min_score": 0.3}), 422, "bad_parameter")
    assert_problem(ask_json(client, {"color_weight": 0.3}), 422, "missing_file")
    assert_problem(ask_json(client, {"q": "mug", "color_weight": 2}), 422, "bad_parameter")
    assert_problem(ask_json(client, {"q": "mug"}, CLASSIFY), 422, "bad_parameter")
    assert_problem(ask(client, first_picture, q="mug", rerank="aqe"), 422, "bad_parameter")
    assert_problem(
        ask_json(client, {"q": "mug", "unlike": [{"item_id": "a"}]}), 422, "missing_file"
    )
