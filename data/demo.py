"""The demonstration: draw a catalog, index it, find shopper photos in it, say how many.

    python -m data.demo FOLDER [--quality best]

It runs the same commands that a user would, so what it shows is what one gets.
"""

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def main(folder: Path, quality: str) -> int:
    """Run all steps; 0 when most photos were understood."""
    catalog, store = folder / "catalog", folder / "eyedex-data"
    run("-m", "data.sample_catalog", str(catalog))
    table = str(catalog / "catalog.csv")
    eyedex("index", table, "--data", str(store), "--quality", quality)
    photos = read_photos(catalog / "shopper" / "shopper.csv")
    answers = classify([photo["path"] for photo in photos], store)
    right = show(photos, answers)
    print(f"\n{right} of {len(photos)} shopper photos got the right kind of product.")
    print("Now run `make serve` and drop one of these photos on the page:")
    print(f"  {catalog / 'shopper'}")
    return 0 if right * 2 > len(photos) else 1


def read_photos(table: Path) -> list[dict[str, str]]:
    """Rows of the shopper photos, with the path of each."""
    with table.open(encoding="utf-8", newline="") as file:
        return [{**row, "path": str(table.parent / row["image"])} for row in csv.DictReader(file)]


def classify(paths: list[str], store: Path) -> list[dict[str, Any]]:
    """The class of each photo by the vote of its nearest neighbors."""
    output = eyedex("classify", *paths, "--data", str(store), "--json", capture=True)
    return [json.loads(line) for line in output.splitlines()]


def show(photos: list[dict[str, str]], answers: list[dict[str, Any]]) -> int:
    """Print a line for each photo; return how many kinds are right."""
    right = 0
    print(f"\n{'shopper photo':<22} {'class by vote':<28} {'sure':>5}  best match")
    for photo, answer in zip(photos, answers, strict=True):
        hit = answer["label"] == photo["label"]
        right += hit
        best = answer["neighbors"][0]
        name = best["attributes"].get("name", best["item_id"])
        print(
            f"{Path(photo['path']).name:<22} {answer['label'] or 'no class':<28} "
            f"{answer['confidence']:>5.0%}  {name} ({best['score']:.2f})"
            + ("" if hit else f"   <- is {photo['label']}")
        )
    return right


def eyedex(*args: str, capture: bool = False) -> str:
    """Run the command line as installed beside this Python."""
    return run("-m", "api.cli.main", *args, capture=capture)


def run(*args: str, capture: bool = False) -> str:
    """Run Python, showing what it prints unless it is captured; end on a failure."""
    done = subprocess.run(
        [sys.executable, *args], stdout=subprocess.PIPE if capture else None, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout or ""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quality", choices=("fast", "best"), default="fast")
    given = parser.parse_args()
    sys.exit(main(given.folder, given.quality))
