"""Over HTTP messages name jobs, routes and fields, where commands and flags were advised."""

import pytest

from api.request_names import as_requested, with_requests
from tests.api.asking import DEFAULT, CheckedClient, assert_problem


@pytest.mark.parametrize(
    ("advice", "told"),
    [
        ("`eyedex calibrate --collection x` does it", "a job of the kind `calibrate` does it"),
        (
            "run `eyedex calibrate --collection x --target 'a b'`",
            "run a job of the kind `calibrate` with `target` a b",
        ),
        ("`eyedex rerank learn` learns one", "a job of the kind `rerank` learns one"),
        ("`eyedex switch ENCODER`", "a job of the kind `switch` with `encoder`"),
        ("`eyedex switch --undo`", "a job of the kind `switch` with `undo`"),
        ("`eyedex jobs` lists them", "`GET /v1/jobs` lists them"),
        ("`eyedex encoders --all` lists them", "`GET /v1/encoders` lists them"),
        ("`eyedex train --with svm` makes it", "`eyedex train --with svm` on the server makes it"),
        ("`eyedex switch --forget`", "`eyedex switch --forget` on the server"),
        ("`eyedex calibrate --target 'a`b'`", "`eyedex calibrate --target 'a`b'`"),
        ("leave out --pooling", "leave out `pooling`"),
        ("look at it; --yes removes them", "look at it; `prune_many` removes them"),
        ("allow --download", "allow --download (with `eyedex` on the server)"),
    ],
)
def test_advice_is_told_in_words_of_requests(advice: str, told: str) -> None:
    assert as_requested(advice) == told


def test_what_a_client_sent_stays() -> None:
    assert with_requests("there is no such field: --type") == "there is no such field: --type"


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/v1/jobs/abc", "there is no job of this id; `GET /v1/jobs` lists them"),
        (f"{DEFAULT}/map", "it was not made yet; a job of the kind `map` makes it"),
    ],
)
def test_problems_name_requests(client: CheckedClient, path: str, detail: str) -> None:
    code = "job_not_found" if "jobs" in path else "overview_not_found"
    assert assert_problem(client.get(path), 404, code)["detail"] == detail


def test_a_switch_without_an_encoder_is_refused(client: CheckedClient) -> None:
    for given in ({}, {"encoder": "edges", "undo": True}):
        response = client.post(f"{DEFAULT}/jobs", json={"kind": "switch", **given})
        problem = assert_problem(response, 422, "bad_parameter")
        assert problem["detail"] == "give the new encoder, or undo, one of them"
