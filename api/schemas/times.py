"""Moments, as answers tell them."""

from datetime import UTC, datetime


def rfc3339(seconds: float) -> str:
    """A moment in seconds since 1970, such as `2026-11-30T06:00:00.000+00:00`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
