"""What Eyedex is made of: a bill of materials, and the licences, from installed packages.

    python -m benchmarks.packages sbom       # CycloneDX, as JSON
    python -m benchmarks.packages licences   # a line a package

Packages are those that Eyedex needs, and those that these need, as they are installed here.
"""

import argparse
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = "eyedex"
UNKNOWN = "UNKNOWN"
LONGEST_NAME = 60
"""What is longer is the text of a licence, not its name."""


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=["sbom", "licences"])
    if parser.parse_args().kind == "sbom":
        print(json.dumps(bill_of_materials(), indent=2))
        return
    for package in needed():
        print(f"{name_of(package)} {package.version}: {licence_of(package)}")


def needed() -> list[Distribution]:
    """Eyedex and all that it needs, by name."""
    found: dict[str, Distribution] = {}
    waiting, seen = [Requirement(ROOT)], set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        asked = (name, frozenset(requirement.extras))
        if asked in seen:
            continue
        seen.add(asked)
        with suppress(PackageNotFoundError):  # of another platform, or optional
            found[name] = distribution(name)
            waiting += _requirements(found[name], requirement.extras)
    return [found[name] for name in sorted(found)]


def _requirements(package: Distribution, extras: set[str]) -> Iterator[Requirement]:
    """What a package needs here, with some of its extras."""
    for text in package.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": each}) for each in ("", *extras)):
            yield requirement


def bill_of_materials() -> dict[str, Any]:
    """In the format CycloneDX 1.6."""
    packages = needed()
    own = next(each for each in packages if name_of(each) == ROOT)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "component": {**_component(own), "type": "application"},
        },
        "components": [_component(each) for each in packages if each is not own],
    }


def _component(package: Distribution) -> dict[str, Any]:
    name = name_of(package)
    address = f"pkg:pypi/{name}@{package.version}"
    return {
        "type": "library",
        "bom-ref": address,
        "name": name,
        "version": package.version,
        "purl": address,
        "licenses": [{"license": {"name": licence_of(package)}}],
    }


def name_of(package: Distribution) -> str:
    """The name of a package in its one spelling."""
    return canonicalize_name(package.metadata["Name"])


def licence_of(package: Distribution) -> str:
    """The licence that a package says it has, by the newest of the ways to say it."""
    metadata = package.metadata.json
    expression = metadata.get("license_expression")
    if expression:
        return str(expression)
    told = [
        each.rpartition(" :: ")[2]
        for each in metadata.get("classifier", ())
        if each.startswith("License :: ")
    ]
    free_text = " ".join(str(metadata.get("license", "")).split())
    if free_text and len(free_text) <= LONGEST_NAME and not re.fullmatch(r"(?i)unknown", free_text):
        told.insert(0, free_text)
    return " / ".join(dict.fromkeys(told)) or UNKNOWN


if __name__ == "__main__":
    main()
