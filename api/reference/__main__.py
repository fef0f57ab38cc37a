"""`python -m api.reference`: write docs/api.md, or with `--check` say whether it is up to date."""

import sys
from pathlib import Path

from api.app import create_app
from api.reference.pages import render
from search_engine.config import Settings

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def rendered() -> str:
    """The reference as it should be."""
    return render(create_app(Settings()).openapi())


def write() -> None:
    """Write the reference."""
    PAGE.write_text(rendered(), encoding="utf-8")


def main() -> int:
    """Write the reference, or check it."""
    if "--check" not in sys.argv[1:]:
        write()
        return 0
    if PAGE.read_text(encoding="utf-8") == rendered():
        return 0
    print(f"{PAGE} is out of date: run python -m api.reference", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
