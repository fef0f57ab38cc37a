"""How often somebody may ask: rates by key, and by address where there is no key.

A client that was quiet may ask for as much at once as its rate allows in one period; then it may
ask again as the period goes by (the generic cell rate algorithm, one number for each client).
"""

import ipaddress
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from search_engine.errors import ParameterError

Kind = Literal["read", "write"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SETTING = "EYEDEX_LIMITS"
MOST_CLIENTS = 10_000
"""Beyond that those that asked longest ago are forgotten."""
IPV6_BITS = 64
"""What one household or machine has of an IPv6 address."""

_SECONDS = {"s": 1, "m": 60, "h": 3_600}
_PART = re.compile(r"(?:(read|write)=)?([1-9][0-9]{0,8})/([smh])")


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds."""

    requests: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one request: seconds to wait, 0 if it may pass; and what the answer says."""

    wait_s: float
    headers: Mapping[str, str]


class RateLimit:
    """Counts the requests of each client. Belongs to one event loop."""

    def __init__(self, name: str, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._rate = rate
        self._clock = clock
        self._paid_until: dict[str, float] = {}

    def take(self, client: str) -> Taken:
        """Let a request pass, or say how long to wait."""
        now, rate = self._clock(), self._rate
        each = rate.seconds / rate.requests
        paid_until = max(now, self._paid_until.pop(client, now))
        wait = paid_until + each - now - rate.seconds
        passes = wait <= 1e-9 * rate.seconds
        if passes:
            paid_until += each
        self._paid_until[client] = paid_until
        while len(self._paid_until) > MOST_CLIENTS:
            del self._paid_until[next(iter(self._paid_until))]
        left = max(0, math.floor((now + rate.seconds - paid_until) / each + 1e-9))
        return Taken(0.0 if passes else wait, self._headers(left, each if passes else wait))

    def _headers(self, left: int, seconds: float) -> dict[str, str]:
        """The fields of the IETF's draft on rate limits (draft-ietf-httpapi-ratelimit-headers)."""
        rate = self._rate
        return {
            "RateLimit-Policy": f'"{self._name}";q={rate.requests};w={rate.seconds}',
            "RateLimit": f'"{self._name}";r={left};t={max(1, math.ceil(seconds))}',
        }


def parse_limits(text: str) -> dict[Kind, Rate]:
    """Rates by what is asked, from a text as `read=20/s,write=100/m`, or `50/s` for both.

    Raises:
        ParameterError: It is not of this form.
    """
    found: dict[Kind, Rate] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        matched = _PART.fullmatch(part)
        if matched is None:
            fix = "write requests a second, minute or hour: read=20/s,write=100/m, or 50/s for both"
            raise ParameterError(f"{part!r} is not a rate", where=SETTING, fix=fix)
        rate = Rate(int(matched[2]), _SECONDS[matched[3]])
        for kind in KINDS:
            if matched[1] in (None, kind):
                found[kind] = rate
    return found


def address_of(client: tuple[str, int] | None) -> str:
    """Whom an address counts for: of IPv6 the network."""
    host = "" if client is None else client[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed, IPV6_BITS), strict=False))
