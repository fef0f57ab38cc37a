"""The labelled photos that an evaluation asks, with progress and refused rows told."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexer.sources import Reject


def tell_reject(row: "Reject") -> None:
    """Say which photo is left out, and why."""
    name = row.item_id or f"line {row.line}"
    print(f"rejected: {row.code}: {name}: {row.reason}", file=sys.stderr)
