"""Names of hosts in settings and requests."""

import pytest

from api.security.hosts import HostRules, parse_allowed, parse_authority
from search_engine.errors import ParameterError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("shop.example", "shop.example"),
        ("Shop.Example:443", "shop.example"),
        ("[::1]", "[::1]"),
        ("[0:0::1]:80", "[::1]"),
        ("192.0.2.7:8000", "192.0.2.7"),
    ],
)
def test_hosts_have_one_spelling(text: str, name: str) -> None:
    found = parse_authority(text)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "text", ["http://shop.example", "shop.example:8000", "a b", "[::1", "shop.example/", "a@b"]
)
def test_what_is_no_host_name_in_the_settings_is_told(text: str) -> None:
    with pytest.raises(ParameterError, match="EYEDEX_ALLOWED_HOSTS"):
        parse_allowed(f"localhost,{text}")


def test_allowed_names_are_cleaned() -> None:
    assert parse_allowed(" Shop.Example, ::1,,* ") == {"shop.example", "[::1]", "*"}


@pytest.mark.parametrize(
    ("allowed", "host", "origin", "passes"),
    [
        ("shop.example", "shop.example", "https://shop.example", True),
        ("shop.example", "shop.example:8443", "https://shop.example:8443", True),
        # behind a proxy that asks under another name, or without the port
        ("shop.example,127.0.0.1", "127.0.0.1:8000", "https://shop.example", True),
        ("shop.example", "shop.example", "https://shop.example:8443", True),
        ("*", "shop.example", "https://shop.example", True),
        ("*", "shop.example", "https://evil.example", False),
        ("shop.example", "shop.example", "https://evil.example", False),
        ("localhost", "localhost:8000", "http://localhost:3000", False),
        ("localhost,127.0.0.1", "127.0.0.1:8000", "http://localhost:8000", False),
        ("[::1]", "[::1]:8000", "http://[0:0::1]:8000", True),
    ],
)
def test_pages_of_own_and_allowed_names_may_change_things(
    allowed: str, host: str, origin: str, passes: bool
) -> None:
    asked = parse_authority(host)
    assert asked is not None
    assert HostRules(parse_allowed(allowed)).may_change(asked, [origin], []) is passes
