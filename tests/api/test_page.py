"""The page made one's own: its title, logo, accent and language, and who may show it in a frame."""

import json
import re
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.page.contrast import DARK_SURFACE, contrast, for_the_dark
from api.page.frame import WEB
from api.page.settings import LIGHT_PAGE, PageSettings, read_page_settings
from api.routes.site import shortened
from search_engine.config import Settings
from search_engine.errors import ParameterError

SHOP = "https://shop.example"
OWN = f"""
[page]
title = "Fox & Sons"
logo = "fox.svg"
accent = "#8a2be2"
currency = "EUR"
language = "de"
attributes = ["brand", "color"]
embed = ["{SHOP}", "https://*.shop.example:8443"]
"""
NONE = "frame-ancestors 'none'"


def written(folder: Path, text: str) -> Path:
    file = folder / "page.toml"
    file.write_text(text, encoding="utf-8")
    return file


def client_of(folder: Path, text: str | None) -> TestClient:
    """Of a server whose routes alone are asked: nothing of it is started."""
    file = None if text is None else written(folder, text)
    app = create_app(Settings(data=folder / "data", workers=1, page=file))
    return TestClient(app, base_url="http://127.0.0.1")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    folder = tmp_path_factory.mktemp("own")
    (folder / "fox.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    return client_of(folder, OWN)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    return client_of(tmp_path_factory.mktemp("plain"), None)


def told(html: str) -> dict[str, object]:
    found = re.search(r'<meta name="settings" content="([^"]*)">', html)
    assert found is not None
    settings: dict[str, object] = json.loads(unescape(found[1]))
    return settings


def test_what_is_set_is_on_the_page(own: TestClient) -> None:
    html = own.get("/").text
    assert '<html lang="de">' in html
    assert "<title>Fox &amp; Sons</title>" in html
    assert "Zum Inhalt springen" in html
    assert 'src="/logo"' in html
    assert 'href="/accent.css"' in html
    assert told(html) == {
        "title": "Fox & Sons",
        "currency": "EUR",
        "attributes": ["brand", "color"],
        "embedded": False,
    }
    assert own.get("/logo").headers["content-type"] == "image/svg+xml"
    assert "--accent: light-dark(#8a2be2, #" in own.get("/accent.css").text


def test_nothing_is_left_to_be_filled_in(own: TestClient, plain: TestClient) -> None:
    for client in (own, plain):
        assert "{{" not in client.get("/").text
    assert plain.get("/logo").status_code == plain.get("/accent.css").status_code == 404


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,en;q=0.5", "de"),
        ("fr,de;q=0.3,en;q=0.9", "en"),
        ("en;q=0,de;q=0.1", "de"),
        ("fr", "en"),
        ("*;q=broken,,;", "en"),
    ],
)
def test_the_language_is_the_first_that_there_is(
    plain: TestClient, accepted: str, language: str
) -> None:
    answer = plain.get("/", headers={"Accept-Language": accepted})
    assert f'<html lang="{language}">' in answer.text
    assert f"/static/words/{language}.json" in answer.text
    assert "Accept-Language" in answer.headers["vary"]


def test_it_is_not_sent_again_where_it_is_known(own: TestClient) -> None:
    for path in ("/", "/accent.css"):
        tag = own.get(path).headers["etag"]
        assert own.get(path, headers={"If-None-Match": tag}).status_code == 304


class TestFrames:
    def test_of_the_sites_that_are_named(self, own: TestClient) -> None:
        for path in ("/?embed=1", "/item/default?id=a&embed=1"):
            answer = own.get(path)
            assert told(answer.text)["embedded"] is True
            assert " data-embedded>" in answer.text
            policy = answer.headers["content-security-policy"]
            assert policy.endswith(f"frame-ancestors {SHOP} https://*.shop.example:8443")

    def test_never_of_what_owners_do(self, own: TestClient) -> None:
        for path in ("/", "/catalog", "/catalog?embed=1", "/?embed=0", "/v1/collections"):
            assert own.get(path).headers["content-security-policy"].endswith(NONE)

    def test_of_no_site_by_default(self, plain: TestClient) -> None:
        answer = plain.get("/?embed=1")
        assert answer.headers["content-security-policy"].endswith(NONE)
        assert told(answer.text)["embedded"] is False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[page]\ntitel = 'x'", "there is no key titel"),
        ("[page]\ntitle = ''", "''"),
        ("[page]\naccent = 'red'", "'red'"),
        ("[page]\naccent = '#ffff00'", "contrast of 1.0"),
        ("[page]\ncurrency = 'euro'", "'euro'"),
        ("[page]\nlanguage = 'fr'", "'fr'"),
        ("[page]\nembed = ['shop.example']", "'shop.example' is no site"),
        ('[page]\nembed = ["https://a; script-src *"]', "is no site"),
        ("[page]\nlogo = 'gone.svg'", "there is no file"),
        ("[page]\nlogo = 'page.toml'", "is no picture"),
        ("[page", "cannot be read"),
    ],
)
def test_what_cannot_be_is_said_with_its_key(tmp_path: Path, text: str, said: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ParameterError) as caught:
        read_page_settings(file)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="cannot be read"):
        create_app(Settings(data=tmp_path, page=tmp_path / "none.toml"))


def test_a_file_without_the_section_sets_nothing(tmp_path: Path) -> None:
    assert read_page_settings(written(tmp_path, "[other]\na = 1")) == PageSettings()


@pytest.mark.parametrize("accent", ["#0b6b5d", "#000000", "#8a2be2", "#a3262a", "#00008b"])
def test_an_accent_can_be_read_in_the_dark_too(accent: str) -> None:
    assert contrast(accent, LIGHT_PAGE) >= 4.5
    assert contrast(for_the_dark(accent, 4.5), DARK_SURFACE) >= 4.5


def test_contrast_as_the_standard_has_it() -> None:
    """Black on white is 21; #777777 just misses what text needs."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


def test_every_key_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "shopper-page.md").read_text(encoding="utf-8")
    for key in PageSettings.model_fields:
        assert f"| `{key}` |" in page


class TestModules:
    def test_go_out_without_indentation_and_comments(self) -> None:
        """Within a line a comment stays that is not about types, as does what is none."""
        code = 'const a = 1; // why\n  /** @type {?A} */ (b).c(/* d */);\nd("/* e */", " // f");\n'
        sent = code.replace("  /** @type {?A} */ ", "").replace(" // why", "")
        assert shortened(f"/* What\n   it is. */\n{code}") == f"\n\n{sent}"

    def test_have_no_text_over_several_lines(self) -> None:
        """Its indentation would be lost."""
        for module in (WEB / "js").rglob("*.js"):
            for line in module.read_text("utf-8").replace('"`"', "").splitlines():
                assert line.count("`") % 2 == 0, f"{module.name}: {line}"

    def test_keep_the_numbers_of_their_lines(self, plain: TestClient) -> None:
        for module in (WEB / "js").rglob("*.js"):
            answer = plain.get(f"/static/js/{module.relative_to(WEB / 'js').as_posix()}")
            assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
            assert answer.text.count("\n") == module.read_text("utf-8").count("\n")
            lines = answer.text.splitlines()
            assert not [each for each in lines if each[:2] == "/*" and each[-2:] == "*/"]
        tag = answer.headers["etag"]
        known = plain.get(answer.request.url.path, headers={"If-None-Match": tag})
        assert known.status_code == 304
