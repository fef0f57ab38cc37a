"""Names of hosts in requests: whom a request says it asks, and whose page it says it comes from.

A page of another site can make a browser send requests here. What such a browser tells of the page
(`Host`, `Origin`, `Sec-Fetch-Site`) is compared here; programs other than browsers tell only
`Host`, and nothing is asked of them.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from search_engine.errors import ParameterError

ANY = "*"

_AUTHORITY = re.compile(
    r"(?P<name>\[[0-9a-f:.]{2,45}\]|[a-z0-9_~!$&'()*+,;=%.-]{1,255})(?::(?P<port>[0-9]{1,5}))?"
)
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]+)")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK_NAME = "localhost"


@dataclass(frozen=True, slots=True)
class Authority:
    """A host and its port as an address names them; IPv6 addresses are in brackets."""

    name: str
    port: int | None

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, on which other programs may have pages too."""
        try:
            return ipaddress.ip_address(self.name.strip("[]")).is_loopback
        except ValueError:
            return self.name == _LOOPBACK_NAME


def parse_authority(text: str) -> Authority | None:
    """`host[:port]` of RFC 3986, in one spelling; None for anything else.

    User names, an empty or impossible port and whatever follows a bracket are no part of it.
    """
    found = _AUTHORITY.fullmatch(text.lower())
    if found is None:
        return None
    name, port = found["name"], found["port"]
    if port is not None and not 1 <= int(port) <= 65_535:
        return None
    if name.startswith("["):
        try:
            name = f"[{ipaddress.IPv6Address(name[1:-1])}]"
        except ValueError:
            return None
    return Authority(name, None if port is None else int(port))


def parse_allowed(text: str) -> frozenset[str]:
    """The names of a list with commas, as requests are compared with them; `*` stands for any.

    Raises:
        ParameterError: One of them is not the name of a host.
    """
    return frozenset(_allowed_name(each.strip()) for each in text.split(",") if each.strip())


def _allowed_name(text: str) -> str:
    if text == ANY:
        return ANY
    found = parse_authority(text if text.count(":") < 2 or "[" in text else f"[{text}]")
    if found is None or found.port is not None:
        raise ParameterError(
            f"{text!r} is not the name of a host",
            where="EYEDEX_ALLOWED_HOSTS",
            fix="give names or addresses without scheme and port, such as shop.example,192.0.2.7",
        )
    return found.name


@dataclass(frozen=True, slots=True)
class HostRules:
    """Which hosts are served, and whose pages may change something."""

    allowed: frozenset[str]

    def served(self, hosts: Sequence[str]) -> Authority | None:
        """The host that a request asks, if that is exactly one and it is served here."""
        found = parse_authority(hosts[0]) if len(hosts) == 1 else None
        if found is None or not (ANY in self.allowed or found.name in self.allowed):
            return None
        return found

    def may_change(self, host: Authority, origins: Iterable[str], sites: Iterable[str]) -> bool:
        """Whether no header tells of a page of another site.

        `sites` are the values of `Sec-Fetch-Site`: `none` is a user's own doing.
        """
        return all(each in ("same-origin", "none") for each in sites) and all(
            self._is_own(each, host) for each in origins
        )

    def _is_own(self, origin: str, host: Authority) -> bool:
        """Whether a page of this origin is ours: of the host that is asked, or of an allowed name.

        A proxy may ask under another name than the page has. Names of this machine are allowed only
        with the port that is asked, since another port is another program.
        """
        found = _ORIGIN.fullmatch(origin.lower())
        page = parse_authority(found["authority"]) if found else None
        if found is None or page is None:
            return False
        default = _DEFAULT_PORTS[found["scheme"]]
        if page.name == host.name and (page.port or default) == (host.port or default):
            return True
        return page.name in self.allowed and not page.is_loopback
