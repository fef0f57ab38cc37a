"""What jobs take and what verbs have flags for is declared once, in `indexer.declared`."""

import inspect
from dataclasses import fields
from typing import get_args

import pytest

from api.cli.verbs import app_of
from indexer.declared import (
    Calibrating,
    Clustering,
    Evaluating,
    Indexing,
    Switching,
    Tuning,
)
from indexer.jobs.parameters import MODELS, read_job
from search_engine.errors import ParameterError

DECLARED = {
    "index": Indexing,
    "tune": Tuning,
    "switch": Switching,
    "calibrate": Calibrating,
    "evaluate": Evaluating,
    "cluster": Clustering,
}
VERBS = {verb.name: verb.callback for verb in app_of().registered_commands}


@pytest.mark.parametrize("name", DECLARED)
def test_jobs_and_verbs_have_the_same_with_the_same_defaults_and_words(name: str) -> None:
    verb = VERBS[name]
    assert verb is not None
    flags, taken = inspect.signature(verb).parameters, MODELS[name].model_fields
    described = MODELS[name].model_json_schema()["properties"]
    for field in fields(DECLARED[name]):
        assert flags[field.name].default == taken[field.name].default == field.default
        help_text = get_args(flags[field.name].annotation)[1].help
        assert help_text == described[field.name]["description"]


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"kind": "tune", "minutes": 0}, "minutes"),
        ({"kind": "tune", "minutes": 10_081}, "minutes"),
        ({"kind": "tune", "target": ""}, "target"),
        ({"kind": "evaluate", "k": 201}, "k"),
        ({"kind": "evaluate", "folds": 1}, "folds"),
        ({"kind": "cluster", "min_support": 1.5}, "min_support"),
        ({"kind": "cluster", "method": "x"}, "method"),
        ({"kind": "calibrate", "balanced": "yes"}, "balanced"),
        ({"kind": "switch", "pooling": "x" * 257}, "pooling"),
    ],
)
def test_jobs_are_held_to_the_declared_bounds(given: dict[str, object], where: str) -> None:
    with pytest.raises(ParameterError) as caught:
        read_job(given)
    assert caught.value.where == where
