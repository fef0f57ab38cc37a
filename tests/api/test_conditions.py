"""Changes that are bound to what the client has seen."""

import threading
from collections import Counter
from typing import Any

import pytest

from tests.api.asking import DEFAULT, CheckedClient, assert_problem
from tests.images.pictures import jpeg

ITEMS = f"{DEFAULT}/items"
PICTURE = {"image": ("a.jpg", jpeg())}
BODIES: dict[str, dict[str, Any]] = {
    "PUT": {"files": PICTURE},
    "PATCH": {"json": {"label": "x"}},
    "DELETE": {},
}


def put(client: CheckedClient, item_id: str, **headers: str) -> str:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    response = client.put(f"{ITEMS}/{item_id}", files=PICTURE, headers=names)
    assert response.is_success, response.text
    tag: str = response.headers["etag"]
    return tag


def test_the_tag_of_an_item_is_another_one_after_each_change(changing: CheckedClient) -> None:
    first = put(changing, "tagged")
    assert changing.get(f"{ITEMS}/tagged").headers["etag"] == first
    patched = changing.patch(f"{ITEMS}/tagged", json={"label": "x"}, headers={"If-Match": first})
    assert patched.status_code == 200
    second = patched.headers["etag"]
    assert second != first
    assert changing.get(f"{ITEMS}/tagged").headers["etag"] == second
    problem = assert_problem(
        changing.patch(f"{ITEMS}/tagged", json={"label": "y"}, headers={"If-Match": first}),
        412,
        "item_changed",
    )
    assert "another one by now" in problem["detail"]
    assert changing.get(f"{ITEMS}/tagged").json()["label"] == "x"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_every_change_looks_at_the_tag(changing: CheckedClient, method: str) -> None:
    item = f"{ITEMS}/{method.lower()}"
    tag = put(changing, method.lower())
    body = BODIES[method]
    for other in ('"0"', '"0", W/"1"', f'"{tag}'.replace('""', '"0')):
        response = changing.request(method, item, headers={"If-Match": other}, **body)
        assert_problem(response, 412, "item_changed")
    right = f'"0", W/{tag}'
    assert changing.request(method, item, headers={"If-Match": right}, **body).is_success
    if method != "DELETE":
        assert changing.request(method, item, headers={"If-Match": "*"}, **body).is_success


def test_what_is_gone_matches_nothing(changing: CheckedClient) -> None:
    for tag in ("*", '"0"'):
        sent = changing.put(f"{ITEMS}/gone", files=PICTURE, headers={"If-Match": tag})
        assert_problem(sent, 412, "item_changed")
        sent = changing.delete(f"{ITEMS}/gone", headers={"If-Match": tag})
        assert_problem(sent, 412, "item_changed")
    assert_problem(changing.get(f"{ITEMS}/gone"), 404, "item_not_found")


def test_an_item_may_be_added_only_if_it_is_new(changing: CheckedClient) -> None:
    put(changing, "new", if_none_match="*")
    again = changing.put(f"{ITEMS}/new", files=PICTURE, headers={"If-None-Match": "*"})
    assert_problem(again, 412, "item_changed")


@pytest.mark.parametrize(
    "headers",
    [
        {"If-Match": "abc"},
        {"If-Match": '"a" "b"'},
        {"If-Match": '*, "a"'},
        {"If-None-Match": '"a"'},
        {"If-None-Match": "*", "If-Match": "*"},
    ],
)
def test_other_headers_are_refused(changing: CheckedClient, headers: dict[str, str]) -> None:
    put(changing, "kept")
    response = changing.patch(f"{ITEMS}/kept", json={"label": "x"}, headers=headers)
    assert_problem(response, 422, "bad_parameter")


def test_of_changes_that_saw_the_same_one_is_made(changing: CheckedClient) -> None:
    tag, found, count = put(changing, "wanted"), Counter[int](), 4
    ready = threading.Barrier(count)

    def change(number: int) -> None:
        ready.wait()
        told = {"If-Match": tag}
        sent = changing.patch(f"{ITEMS}/wanted", json={"label": f"L{number}"}, headers=told)
        found[sent.status_code] += 1

    threads = [threading.Thread(target=change, args=(each,)) for each in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == {200: 1, 412: count - 1}
