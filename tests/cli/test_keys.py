"""`eyedex keys`, and what a served data directory does with them."""

from pathlib import Path

import pytest

from api.client import Client
from api.client.errors import Forbidden
from tests.cli.conftest import Index, Run
from tests.conftest import serve


def test_a_key_is_printed_once_and_opens_the_server(
    run: Run, index: Index, folder: Path, data: Path
) -> None:
    assert index(folder).code == 0
    beyond_this_machine = ("--host", "0.0.0.0")
    refused_to_serve = run("serve", *beyond_this_machine, "--port", "0", "--data", data)
    assert refused_to_serve.code == 2
    assert "eyedex keys create" in refused_to_serve.error
    made = run("keys", "create", "the shop", "--data", data)
    token = made.out.strip()
    assert made.code == 0
    assert "every request to a server needs a key" in made.err
    assert "every request" not in run("keys", "create", "second", "--data", data).err
    assert token not in run("keys", "list", "--data", data, "--json").out
    with serve(data, *beyond_this_machine) as server:
        with Client(server.url) as nobody:
            assert nobody.healthz()["status"] == "alive"
            with pytest.raises(Forbidden) as refused:
                nobody.list_collections()
        assert (refused.value.status, refused.value.code) == (401, "unauthorized")
        with Client(server.url, key=token) as shop:
            assert shop.list_collections()["collections"]
            with pytest.raises(Forbidden):
                shop.delete_collection("default", confirm="default")


def test_what_is_listed(run: Run, data: Path) -> None:
    assert run("keys", "list", "--data", data).code != 0
    assert not data.exists()
    run("keys", "create", "shop", "--data", data)
    made = run(
        "keys", "create", "feed", "--scope", "write", "--collection", "mugs", "--expires", "90d",
        "--data", data, "--json",
    ).json  # fmt: skip
    assert made["key"].startswith(f"eyedex_{made['id']}_")
    assert run("keys", "revoke", made["id"], "--data", data).out.startswith("revoked")
    assert "before" in run("keys", "revoke", made["id"], "--data", data).out
    newest, first = run("keys", "list", "--data", data, "--json").json["keys"]
    assert (newest["scope"], newest["collections"], newest["state"]) == (
        "write", ["mugs"], "revoked",
    )  # fmt: skip
    assert (first["scope"], first["collections"], first["state"]) == ("read", None, "valid")
    shown = run("keys", "list", "--data", data).out
    assert "feed" in shown
    assert "all" in shown


def test_a_key_for_a_collection_that_is_not_there_is_made_and_told(run: Run, data: Path) -> None:
    run("collections", "create", "mugs", "--data", data)
    given = ("keys", "create", "shop", "--data", data, "--collection")
    assert "no collection" not in run(*given, "mugs").err
    made = run(*given, "mug", "--json")
    assert "note: there is no collection 'mug' yet; did you mean 'mugs'?" in made.err
    assert made.json["collections"] == ["mug"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("create", "x", "--scope", "reed"), "did you mean read?"),
        (("create", ""), "the value is empty"),
        (("create", "a\x1b[31m"), "not a name"),
        (("create", "x", "--expires", "soon"), "90d"),
        (("create", "x", "--expires", "2020-01-01"), "later date"),
        (("create", "x", "--expires", "2027-02-30"), "neither days nor a date"),
        (("create", "x", "--collection", "A B"), "not a collection name"),
        (("revoke", "00000000"), "no key of this id"),
    ],
)
def test_what_is_refused(run: Run, data: Path, given: tuple[str, ...], said: str) -> None:
    run("keys", "create", "first", "--data", data)
    ran = run("keys", *given, "--data", data)
    assert ran.code == 2
    assert said in ran.error
    assert len(run("keys", "list", "--data", data, "--json").json["keys"]) == 1
