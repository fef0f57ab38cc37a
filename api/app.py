"""The application: engine opened and closed by the lifespan, routes, page, errors."""

import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from api import problems
from api.hosts import HostRules, parse_allowed
from api.middleware import EdgeMiddleware
from api.routes import collections, health, items, queries
from search_engine.config import Settings
from search_engine.decoding import DecodePool
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError

log = logging.getLogger(__name__)

WEB = Path(__file__).parent / "web"
BODY_OVERHEAD_BYTES = 64 * 2**10
"""Room for the other fields of a form that carries a picture of the largest size."""


def create_app(settings: Settings) -> FastAPI:
    """The HTTP API on a data directory, and the page at `/`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        decoder = DecodePool(settings.upload_limits(), settings.workers)
        decoder.warm_up()
        engine = await run_in_threadpool(SearchEngine, settings=settings, decoder=decoder)
        app.state.engine, app.state.decoder = engine, decoder
        if not settings.read_only:
            threading.Thread(target=_fold_changes, args=(engine,), daemon=True).start()
        try:
            yield
        finally:
            await run_in_threadpool(engine.close)

    max_body_bytes = settings.max_bytes + BODY_OVERHEAD_BYTES
    app = FastAPI(
        title="Eyedex",
        version=version("eyedex"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=problems.ANY_PROBLEM,
    )
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=max_body_bytes)
    app.add_middleware(
        EdgeMiddleware,
        hosts=HostRules(parse_allowed(settings.allowed_hosts)),
        max_body_bytes=max_body_bytes,
        read_only=settings.read_only,
    )
    problems.install(app)
    for module in (health, collections, queries, items):
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=WEB), name="static")

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(WEB / "index.html")

    return app


def _fold_changes(engine: SearchEngine) -> None:
    """Build again what is missing, drifted or behind when the server starts; it answers meanwhile,
    from the catalog."""
    with _told("indexes"):
        for collection in engine.catalog.collections():
            with _told(f"the index of {collection.name}"):
                engine.live(collection.name).compact_aside()


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Log what goes wrong in the background, where nobody is waiting for it."""
    try:
        yield
    except EyedexError as error:
        log.warning("%s not brought up to date: %s", what, error)
