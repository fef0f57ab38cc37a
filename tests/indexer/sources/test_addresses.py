"""Which addresses pictures may be fetched from."""

from collections.abc import Sequence

import pytest

from indexer.sources.addresses import AllowedHosts, host_patterns, is_public
from search_engine.errors import ParameterError, RowError

PUBLIC = "93.184.216.34"
PRIVATE = (
    "127.0.0.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "::127.0.0.1", "2002:7f00:1::",
    "64:ff9b::7f00:1", "64:ff9b:1::1", "2001:0:7f00:1::", "10.1.2.3", "172.16.0.1", "192.168.1.1",
    "100.64.0.1", "169.254.169.254", "fd00:ec2::254", "fe80::1%eth0", "192.0.0.1", "198.18.0.1",
    "224.0.0.1", "240.0.0.1", "255.255.255.255",
)  # fmt: skip


def hosts(patterns: str, *addresses: str) -> AllowedHosts:
    """Allowed hosts, where every name has the same addresses."""
    return AllowedHosts(host_patterns(patterns), lambda host, port: addresses or (PUBLIC,))


@pytest.mark.parametrize("address", PRIVATE)
def test_no_address_of_a_private_network_is_public(address: str) -> None:
    assert not is_public(address)
    for resolved in ([address], [PUBLIC, address]):
        with pytest.raises(RowError) as caught:
            hosts("*", *resolved).address("shop.example", 80)
        assert caught.value.code == "url_denied"
        assert address not in str(caught.value)


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)
    assert hosts("*", address).address("shop.example", 443) == address


@pytest.mark.parametrize(
    "url",
    [
        "ftp://shop.example/a.jpg", "file:///etc/passwd", "gopher://shop.example/",
        "data:image/png,", "http://good@shop.example/", "http:\\\\shop.example\\a",
        "http:///a.jpg", "http://",
        "http://shop.example/a b", "http://shop.example:8080/a.jpg",
        "http://shop.example/" + "a" * 2_100, "javascript:alert(1)", "//shop.example/a.jpg",
    ],
)  # fmt: skip
def test_addresses_that_are_not_fetched(url: str) -> None:
    with pytest.raises(RowError) as caught:
        hosts("*").url(url)
    assert caught.value.code == "url_denied"


@pytest.mark.parametrize(
    ("patterns", "url", "allowed"),
    [
        ("cdn.example", "https://cdn.example/a.jpg", True),
        ("cdn.example", "https://CDN.Example./a.jpg", True),
        ("cdn.example", "https://other.example/a.jpg", False),
        ("*.example", "https://cdn.example/a.jpg", True),
        ("*.example", "https://example/a.jpg", False),
        ("*.example", "https://cdn.example.evil.org/a.jpg", False),
        ("a.example, b.example:8080", "http://b.example:8080/a.jpg", True),
        ("b.example:8080", "http://b.example/a.jpg", False),
        ("[::1]:8080", "http://[::1]:8080/a.jpg", True),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/a.jpg", True),
        ("", "https://cdn.example/a.jpg", False),
    ],
)
def test_only_hosts_that_a_pattern_names(patterns: str, url: str, allowed: bool) -> None:
    if allowed:
        assert hosts(patterns).url(url).host
        return
    with pytest.raises(RowError) as caught:
        hosts(patterns).url(url)
    assert "--allow-urls" in caught.value.what


def test_a_private_address_is_allowed_only_where_it_is_spelled_out() -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        return [host]

    assert AllowedHosts(host_patterns("127.0.0.1:81"), resolve).address("127.0.0.1", 81)
    for patterns in ("*", "127.0.0.1", "127.0.0.*:81", "*:81"):
        with pytest.raises(RowError, match="is not a public host"):
            AllowedHosts(host_patterns(patterns), resolve).address("127.0.0.1", 81)


@pytest.mark.parametrize("patterns", ["http://cdn.example", "cdn.example:http", ":80"])
def test_a_pattern_that_is_none(patterns: str) -> None:
    with pytest.raises(ParameterError, match="not a host"):
        host_patterns(patterns)


def test_other_spellings_of_this_machine_are_no_public_hosts() -> None:
    """As the machine's own resolver reads them, or refuses to."""
    for host in ("127.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost", "localhost."):
        with pytest.raises(RowError) as caught:
            AllowedHosts(host_patterns("*")).address(host, 80)
        assert caught.value.code in ("url_denied", "fetch_failed")
