"""The document that the views stand in: its language, words and settings, filled in once."""

import json
import re
from collections.abc import Mapping
from html import escape
from itertools import product
from pathlib import Path

from api.page.contrast import for_the_dark, mixed
from api.page.settings import LANGUAGES, LEAST_CONTRAST, Language, PageSettings

WEB = Path(__file__).parents[1] / "web"
DEFAULT_LOGO = "/static/favicon.svg"
LOGO, ACCENT = "/logo", "/accent.css"

_PLACE = re.compile(r"\{\{([\w.]+)\}\}")
_DEFAULT_MARK = """<svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
        <path d="M3 16C6.6 9.6 11 6.5 16 6.5S25.4 9.6 29 16c-3.6 6.4-8 9.5-13 9.5S6.6 22.4 3 16Z"/>
        <circle cx="16" cy="16" r="5"/>
      </svg>"""


def render_frames(settings: PageSettings) -> dict[tuple[Language, bool], str]:
    """The document in each language, and for sites that embed it."""
    template = (WEB / "index.html").read_text("utf-8")
    return {
        (language, embedded): _filled(template, _values(settings, language, embedded))
        for language, embedded in product(LANGUAGES, (False, True))
    }


def language_for(settings: PageSettings, accepted: str) -> Language:
    """The language that is set, or the first of `Accept-Language` that there is."""
    if settings.language != "auto":
        return settings.language
    for wanted in _by_preference(accepted):
        for language in LANGUAGES:
            if wanted.partition("-")[0] == language:
                return language
    return LANGUAGES[0]


def accent_css(accent: str) -> str:
    """The accent of `tokens.css` in another color, readable in the light and in the dark."""
    dark = for_the_dark(accent, LEAST_CONTRAST)
    tokens = {
        "accent": (accent, dark),
        "accent-strong": (mixed(accent, "#000000", 0.2), mixed(dark, "#ffffff", 0.3)),
        "accent-ink": ("#ffffff", mixed(accent, "#000000", 0.75)),
        "accent-wash": (mixed(accent, "#ffffff", 0.9), mixed(accent, "#121413", 0.75)),
    }
    lines = [f"  --{name}: light-dark({a}, {b});" for name, (a, b) in tokens.items()]
    return "\n".join((":root {", *lines, "}", ""))


def _by_preference(accepted: str) -> list[str]:
    """Languages of an `Accept-Language`, the one that is liked most first (RFC 9110, 12.5.4)."""
    liked = []
    for part in accepted.lower().split(","):
        name, _, rest = part.partition(";")
        weight = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", rest)
        quality = float(weight[1]) if weight else 1.0
        if name.strip() and quality > 0:
            liked.append((-quality, name.strip()))
    return [name for _, name in sorted(liked, key=lambda each: each[0])]


def _values(settings: PageSettings, language: Language, embedded: bool) -> dict[str, str]:
    words = json.loads((WEB / "words" / f"{language}.json").read_text("utf-8"))
    told = {
        "title": settings.title,
        "currency": settings.currency,
        "attributes": settings.attributes,
        "embedded": embedded,
    }
    logo = LOGO if settings.logo else DEFAULT_LOGO
    return {
        **{key: escape(text) for key, text in words.items() if isinstance(text, str)},
        "language": language,
        "embedded": " data-embedded" if embedded else "",
        "title": escape(settings.title),
        "settings": escape(json.dumps(told, ensure_ascii=False)),
        "logo": logo,
        "mark": f'<img class="brand-mark" src="{logo}" alt="">' if settings.logo else _DEFAULT_MARK,
        "accent": f'<link rel="stylesheet" href="{ACCENT}">' if settings.accent else "",
    }


def _filled(template: str, values: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: values[place[1]], template)
