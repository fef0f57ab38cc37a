"""The page and its files, which clients keep and ask about."""

from pathlib import Path

from fastapi import FastAPI, Request, Response

from api.security.addresses import ExactFiles

WEB = Path(__file__).parents[1] / "web"


def install(app: FastAPI, docs: bool) -> None:
    """Serve the page at the addresses of its views, and its files; with `docs` the reference of the
    API at `/docs`."""
    files = ExactFiles(directory=WEB)
    app.mount("/static", files, name="static")

    @app.get("/", include_in_schema=False)
    @app.get("/item/{collection}", include_in_schema=False)
    @app.get("/catalog", include_in_schema=False)
    @app.get("/classify", include_in_schema=False)
    @app.get("/quality", include_in_schema=False)
    async def page(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

    if docs:

        @app.get("/docs", include_in_schema=False)
        async def reference(request: Request) -> Response:
            return await files.get_response("docs.html", request.scope)
