"""The page and its files, which clients keep and ask about."""

import hashlib
import os
import re
from functools import lru_cache
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse
from starlette.staticfiles import PathLike
from starlette.types import Scope

from api.heads import has_already
from api.page.frame import ACCENT, LOGO, WEB, accent_css, language_for, render_frames
from api.page.settings import LOGO_KINDS, PageSettings, read_page_settings
from api.security.addresses import ExactFiles
from api.security.middleware import content_security_policy
from search_engine.config import Settings

_KEPT = {"Cache-Control": "no-cache"}
_COMMENT = re.compile(r"^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*$", re.MULTILINE | re.DOTALL)
_BEHIND_CODE = re.compile(r"(?<=\S)[ \t]+// [^\"'`\n]*$", re.MULTILINE)
"""Without quotes, as a text that goes on there would have one more."""
_OF_TYPES = re.compile(r"/\*\* @(?:type|param|returns) [^\"'`\n]*?\*/ ?")
_INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)
_SHORTENED = {".js": "text/javascript", ".css": "text/css"}


class PageFiles(ExactFiles):
    """Files of the page; a quarter of modules and styles is for readers alone and stays behind."""

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """See ExactFiles."""
        path = Path(full_path)
        if path.suffix not in _SHORTENED:
            return super().file_response(full_path, stat_result, scope, status_code)
        return _kept(
            Request(scope), shortened(path.read_text("utf-8")), _SHORTENED[path.suffix], _KEPT
        )


@lru_cache(maxsize=256)
def shortened(source: str) -> str:
    """A module or stylesheet without indentation, nor comments that have lines of their own, end
    those of code, or say of what type something is.

    Lines keep their numbers. No text of a module may go over several lines.
    """
    code = _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), source)
    return _INDENTATION.sub("", _OF_TYPES.sub("", _BEHIND_CODE.sub("", code)))


def install(app: FastAPI, settings: Settings) -> None:
    """Serve the page at the addresses of its views, and its files; where it is wanted the reference
    of the API at `/docs`.

    Raises:
        ParameterError: What is set for the page cannot be.
    """
    files = PageFiles(directory=WEB)
    app.mount("/static", files, name="static")
    page = read_page_settings(settings.page)
    _install_frame(app, page)
    _install_looks(app, page)

    if settings.docs:

        @app.get("/docs", include_in_schema=False)
        async def reference(request: Request) -> Response:
            return await files.get_response("docs.html", request.scope)


def _install_frame(app: FastAPI, settings: PageSettings) -> None:
    frames = render_frames(settings)
    embedding = content_security_policy(tuple(settings.embed))

    def document(request: Request, embedded: bool) -> Response:
        language = language_for(settings, request.headers.get("accept-language", ""))
        text = frames[language, embedded]
        headers = {**_KEPT, "Vary": "Accept-Language"}
        if embedded:
            headers["Content-Security-Policy"] = embedding
        return _kept(request, text, "text/html", headers)

    @app.get("/", include_in_schema=False)
    @app.get("/item/{collection}", include_in_schema=False)
    async def searching(request: Request) -> Response:
        wanted = request.query_params.get("embed") == "1"
        return document(request, wanted and bool(settings.embed))

    @app.get("/catalog", include_in_schema=False)
    @app.get("/classify", include_in_schema=False)
    @app.get("/quality", include_in_schema=False)
    async def owning(request: Request) -> Response:
        return document(request, False)


def _install_looks(app: FastAPI, settings: PageSettings) -> None:
    if settings.accent:
        css = accent_css(settings.accent)

        @app.get(ACCENT, include_in_schema=False)
        async def accent(request: Request) -> Response:
            return _kept(request, css, "text/css", _KEPT)

    if settings.logo:
        file = Path(settings.logo)
        kind = LOGO_KINDS[file.suffix.lower()]

        @app.get(LOGO, include_in_schema=False)
        async def logo() -> Response:
            return FileResponse(file, media_type=kind, headers=_KEPT)


def _kept(request: Request, text: str, kind: str, headers: dict[str, str]) -> Response:
    """An answer that clients keep, and that is not sent again where they have it."""
    tag = f'W/"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
    sent = {**headers, "ETag": tag}
    if has_already(request.headers.getlist("if-none-match"), tag):
        return Response(status_code=304, headers=sent)
    return Response(text, media_type=kind, headers=sent)
