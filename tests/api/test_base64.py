"""Pictures as base64, in the forms that people have them in."""

import base64

import pytest

from api.base64_pictures import decode_picture
from search_engine.errors import ParameterError
from tests.api.asking import DEFAULT, CheckedClient, ask, ask_json, assert_problem, ids

DATA = bytes(range(256)) * 3 + b"??>>"
PLAIN = base64.b64encode(DATA).decode()
assert "+" in PLAIN
assert "/" in PLAIN
assert PLAIN.endswith("=")


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.rstrip("="),
        PLAIN.replace("+", "-").replace("/", "_"),
        PLAIN.replace("+", "-").replace("/", "_").rstrip("="),
        base64.encodebytes(DATA).decode(),
        base64.encodebytes(DATA).decode().replace("\n", "\r\n"),
        f"  {PLAIN[:9]} \t{PLAIN[9:-1]}\n=\n",
        f"data:image/jpeg;base64,{PLAIN}",
        f"data:;base64,{PLAIN}",
        f"DATA:image/jpeg;name=a.jpg;BASE64,\n{PLAIN}",
        f"data:image/svg+xml;charset=utf-8;base64,{PLAIN.rstrip('=')}",
    ],
    ids=range(11),
)
def test_every_form_is_read(text: str) -> None:
    assert decode_picture(text) == DATA


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("AAAA!AAA", "character 5 is '!'"),
        ("AAA=AAAA", "character 4 is '='"),
        ("AAAA\n AA%3D", "character 9 is '%'"),
        ("data:image/png;base64,AA*A", "character 25 is '*'"),
        ("AA\u00e9A", "character 3 is U+00E9"),
        ("AA\x00A", "character 3 is U+0000"),
        ("AAAAA", "its 5 digits are one too many, or some are missing"),
        ("data:image/png,%89PNG", "a data URI that is not base64"),
        ("http://elsewhere/a.jpg", "character 5 is ':'"),
        ((PLAIN * 2).replace("=", "A").replace("+", " "), "has spaces where + belongs"),
        (7, "is not a text"),
        (["AAAA"], "is not a text"),
    ],
)
def test_what_is_no_base64_is_refused_by_place(value: object, says: str) -> None:
    with pytest.raises(ParameterError) as caught:
        decode_picture(value)
    assert says in caught.value.what
    assert (caught.value.where, bool(caught.value.fix)) == ("image_base64", True)


def test_a_data_uri_finds_what_the_file_finds(client: CheckedClient, first_picture: bytes) -> None:
    text = f"data:image/jpeg;base64,{base64.encodebytes(first_picture).decode()}"
    assert ids(ask_json(client, {"image_base64": text})) == ids(ask(client, first_picture))
    body = assert_problem(ask_json(client, {"image_base64": "a photo!"}), 422, "bad_parameter")
    assert "image_base64" in body["detail"]


def test_an_item_is_put_as_json(changing: CheckedClient, first_picture: bytes) -> None:
    text = base64.urlsafe_b64encode(first_picture).decode().rstrip("=")
    path = f"{DEFAULT}/items/as-json"
    body = {"image_base64": text, "label": "A/B", "product_id": None, "attributes": {"a": [1]}}
    put = changing.put(path, json=body)
    assert (put.status_code, put.json()["label"], put.json()["attributes"]) == (
        201,
        "A/B",
        {"a": [1]},
    )
