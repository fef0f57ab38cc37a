"""Command line: `python -m data.sample_catalog OUT_DIR [--seed N] [--products N]`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from data.sample_catalog.plan import DEFAULT_PHOTOS, DEFAULT_PRODUCTS, DEFAULT_SEED
from data.sample_catalog.writer import OutputRefusedError, WriteReport, write_catalog

MOST_WORKERS: Final = 8
REFUSED: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the sample catalog and say so in one line; 0, or 2 when the folder is refused."""
    options = _parser().parse_args(arguments)
    try:
        report = write_catalog(
            options.out_dir, options.seed, options.products, options.photos, options.workers
        )
    except (OutputRefusedError, ValueError, OSError) as error:
        print(f"sample_catalog: {error}", file=sys.stderr)
        return REFUSED
    print(_sentence(report))
    return 0


def _sentence(report: WriteReport) -> str:
    counts = (
        f"{report.pictures} pictures of {report.products} products in {report.kinds} kinds, "
        f"and {report.photos} shopper photos"
    )
    if report.already_there:
        return f"Already there, nothing to do: {counts}, in {report.folder}"
    return f"Wrote {counts}, to {report.folder}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data.sample_catalog",
        description="Draw a made-up product catalog with shopper photos; same seed, same files.",
    )
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR", help="folder to write into")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="default: %(default)s")
    parser.add_argument(
        "--products", type=int, default=DEFAULT_PRODUCTS, metavar="N", help="default: %(default)s"
    )
    parser.add_argument(
        "--photos", type=int, default=DEFAULT_PHOTOS, metavar="N", help="default: %(default)s"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=min(os.cpu_count() or 1, MOST_WORKERS),
        metavar="N",
        help="processes that draw; default: one for each processor, at most 8",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
