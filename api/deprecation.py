"""Routes that will go: what their answers say of it, declared where the route is.

    @router.get("/old", dependencies=[Deprecated(date(2027, 1, 1), date(2027, 7, 1), "/v1/new")],
                deprecated=True)

The rule: a route or a field that is replaced goes on for six months at least after a version said
so in its changelog; until then its answers carry these headers.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from email.utils import format_datetime

from fastapi import Request, params

from api.heads import add_header


@dataclass(frozen=True, slots=True)
class Deprecation:
    """Since when a route is deprecated, when it will be gone, and what to use instead."""

    since: date
    sunset: date
    successor: str

    async def __call__(self, request: Request) -> None:
        """Say so in the answer, a problem too (RFC 9745, RFC 8594)."""
        add_header(request, "Deprecation", f"@{int(_midnight(self.since).timestamp())}")
        add_header(request, "Sunset", format_datetime(_midnight(self.sunset), usegmt=True))
        add_header(request, "Link", f'<{self.successor}>; rel="successor-version"')


def Deprecated(since: date, sunset: date, successor: str) -> params.Depends:  # noqa: N802 - as Depends
    """For `dependencies` of a route; see the module."""
    return params.Depends(Deprecation(since, sunset, successor))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
