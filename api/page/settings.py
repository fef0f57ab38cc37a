"""How the page is made one's own: the section `[page]` of a file of settings (TOML)."""

import re
import tomllib
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from api.page.contrast import contrast
from search_engine.errors import ParameterError

SECTION = "page"
LIGHT_PAGE = "#faf9f6"
"""The background of `tokens.css`, which an accent has to be read on."""
LEAST_CONTRAST = 4.5
"""WCAG 2.2, 1.4.3 (AA)."""
LOGO_KINDS = {
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}
MAX_LOGO_BYTES = 2**18

Language = Literal["en", "de"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_ORIGIN = re.compile(r"https?://(\*\.)?[a-z0-9.-]+(:\d{1,5})?")


class PageSettings(BaseModel):
    """What can be set; each field is a key of the section."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: str = Field(default="Eyedex", min_length=1, max_length=60)
    logo: str | None = Field(default=None, min_length=1)
    accent: str | None = Field(default=None, pattern=r"^#[0-9a-fA-F]{6}$")
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    language: Language | Literal["auto"] = "auto"
    attributes: list[str] = Field(default=[], max_length=100)
    embed: list[str] = Field(default=[], max_length=20)

    @field_validator("accent")
    @classmethod
    def _is_readable(cls, accent: str | None) -> str | None:
        if accent is not None and (reached := contrast(accent, LIGHT_PAGE)) < LEAST_CONTRAST:
            raise ValueError(
                f"has a contrast of {reached:.1f} to the page, below {LEAST_CONTRAST}; take a "
                "darker color"
            )
        return accent

    @field_validator("embed")
    @classmethod
    def _are_origins(cls, origins: list[str]) -> list[str]:
        for each in origins:
            if not _ORIGIN.fullmatch(each):
                raise ValueError(f"{each!r} is no site such as https://shop.example")
        return origins


def read_page_settings(file: Path | None) -> PageSettings:
    """What a file says of the page; without a file the defaults, its logo beside the file.

    Raises:
        ParameterError: It cannot be read, or says something that cannot be.
    """
    if file is None:
        return PageSettings()
    try:
        found = tomllib.loads(file.read_text("utf-8")).get(SECTION, {})
    except (OSError, ValueError) as error:
        raise ParameterError(f"cannot be read: {error}", where=str(file)) from error
    try:
        settings = PageSettings.model_validate(found)
    except ValidationError as error:
        raise _bad_key(error, file) from error
    if settings.logo is None:
        return settings
    return settings.model_copy(update={"logo": str(_logo_at(file.parent / settings.logo, file))})


def _logo_at(logo: Path, file: Path) -> Path:
    where = f"{file}, [{SECTION}] logo"
    if logo.suffix.lower() not in LOGO_KINDS:
        kinds = ", ".join(LOGO_KINDS)
        raise ParameterError(f"{logo.name} is no picture", where=where, fix=f"take one of {kinds}")
    if not logo.is_file():
        raise ParameterError(f"there is no file {logo}", where=where, fix="name it from the file")
    if logo.stat().st_size > MAX_LOGO_BYTES:
        raise ParameterError(
            f"{logo.name} has more than {MAX_LOGO_BYTES:,} bytes",
            where=where,
            fix="make it smaller",
        )
    return logo.absolute()


def _bad_key(error: ValidationError, file: Path) -> ParameterError:
    found = error.errors()[0]
    key = str(found["loc"][0]) if found["loc"] else SECTION
    where = f"{file}, [{SECTION}] {key}"
    if found["type"] == "extra_forbidden":
        known = ", ".join(PageSettings.model_fields)
        return ParameterError(f"there is no key {key}", where=where, fix=f"known: {known}")
    said = found["msg"].removeprefix("Value error, ")
    return ParameterError(f"{found['input']!r}: {said[:1].lower()}{said[1:]}", where=where)
