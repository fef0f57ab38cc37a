"""Decide which addresses pictures may be fetched from, so that a table cannot reach into a network.

A host name is resolved when a connection is made, all its addresses are checked, and the connection
goes to a checked address: a name that resolves differently a moment later gains nothing (OWASP,
Server-Side Request Forgery Prevention).
"""

import ipaddress
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from search_engine.errors import ParameterError, RowError
from search_engine.plain_numbers import is_digits

if TYPE_CHECKING:
    from httpx2 import URL

PORTS = {"http": 80, "https": 443}
MAX_URL = 2_048

_STAND_FOR_IPV4 = tuple(
    map(
        ipaddress.IPv6Network, ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")
    )
)
"""Networks whose addresses embed IPv4 addresses, which a gateway would reach."""

Resolve = Callable[[str, int], Sequence[str]]
"""Returns the IP addresses of a host; raises OSError if there are none."""


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A pattern for hosts, such as `*`, `cdn.example.com`, `*.example.com` or `10.0.0.7:8080`."""

    host: str
    port: int | None

    def allows(self, host: str, port: int) -> bool:
        """Return whether the host may be reached on a port: a usual one unless one is given."""
        ports = PORTS.values() if self.port is None else (self.port,)
        return port in ports and fnmatchcase(host, self.host)


def host_patterns(text: str) -> list[HostPattern]:
    """Parse a comma-separated list of patterns.

    Raises:
        ParameterError: A pattern is malformed.
    """
    return [_pattern(each.strip().lower()) for each in text.split(",") if each.strip()]


class AllowedHosts:
    """The hosts that pictures may be fetched from.

    Only public addresses, except IP addresses that a pattern names literally.
    """

    def __init__(self, patterns: Sequence[HostPattern], resolve: Resolve | None = None) -> None:
        self._patterns = tuple(patterns)
        self._resolve = resolve or _addresses

    def url(self, text: str) -> "URL":
        """Parse a URL and check its host name, as far as that is possible without resolving it.

        Raises:
            RowError: `url_denied`.
        """
        url = _parsed(text)
        if not self._allowing(_bare(url.host), url.port or PORTS[url.scheme]):
            raise RowError(
                "url_denied",
                f"pictures are not fetched from {url.netloc.decode('ascii')[:100]}; --allow-urls "
                "fetches them from public hosts, EYEDEX_ALLOW_URLS from hosts that it names",
            )
        return url

    def bucket(self, text: str) -> None:
        """Check the address of an object in a bucket, whose name counts as the host.

        Raises:
            RowError: `url_denied`.
        """
        host = text.partition("://")[2].partition("/")[0].lower()
        if not host or not self._allowing(host, PORTS["https"]):
            raise RowError(
                "url_denied",
                f"pictures are not fetched from bucket {host[:100]!r}; --allow-urls fetches them",
            )

    def address(self, host: str, port: int) -> str:
        """Return the IP address to connect to.

        Raises:
            RowError: `url_denied`, without details of the network; `fetch_failed` if there is no
                such host.
        """
        host = _bare(host)
        if _is_ip(host) and any(each.host == host for each in self._allowing(host, port)):
            return host
        try:
            found = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise RowError("fetch_failed", f"there is no host {host[:100]}") from error
        if not found or not all(map(is_public, found)):
            raise RowError("url_denied", f"{host[:100]} is not a public host")
        return found[0]

    def _allowing(self, host: str, port: int) -> list[HostPattern]:
        return [each for each in self._patterns if each.allows(host, port)]


def is_public(address: str) -> bool:
    """Return whether an IP address is on the public internet, not in a private network."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.version == 6 and (ip.ipv4_mapped or any(ip in each for each in _STAND_FOR_IPV4)):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _parsed(text: str) -> "URL":
    """Parse a URL, refusing whatever clients could interpret in different ways.

    Raises:
        RowError: It is malformed, or of a scheme that is never fetched.
    """
    from httpx2 import URL, InvalidURL  # a run that fetches nothing starts without it

    denied = "only plain http and https addresses are fetched"
    if len(text) > MAX_URL or "\\" in text or any(ord(each) < 33 for each in text.strip()):
        raise RowError("url_denied", denied)
    try:
        url = URL(text.strip())
    except (InvalidURL, ValueError, UnicodeError) as error:
        raise RowError("url_denied", denied) from error
    if url.scheme not in PORTS or not url.host or url.userinfo:
        raise RowError("url_denied", denied)
    return url


def _pattern(text: str) -> HostPattern:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or (text.count(":") > 1 and not text.startswith("[")):
        host, port = text, ""
    host = host.removeprefix("[").removesuffix("]")
    if not host or (port and not is_digits(port)) or "/" in host:
        raise ParameterError(
            f"not a host: {text!r}",
            where="EYEDEX_ALLOW_URLS",
            fix="name hosts such as cdn.example.com, *.example.com or 10.0.0.7:8080",
        )
    return HostPattern(host, int(port) if port else None)


def _bare(host: str) -> str:
    return host.lower().rstrip(".")


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _addresses(host: str, port: int) -> Sequence[str]:
    return list(dict.fromkeys(_resolved(host, port)))


def _resolved(host: str, port: int) -> Iterator[str]:
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        yield str(address[0])
