"""The application: engine opened and closed by the lifespan, routes, page, errors."""

import asyncio
import gc
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware

from api import openapi, problems
from api.following import Following
from api.heads import HeadMiddleware
from api.routes import (
    access,
    collections,
    encoders,
    feedback,
    health,
    item_batches,
    items,
    jobs,
    overviews,
    pictures,
    quality,
    queries,
    site,
    uploads,
)
from api.security.access import BAD_KEYS, authorize
from api.security.addresses import AddressMiddleware
from api.security.admission import Admission
from api.security.audit import AuditLog, AuditMiddleware
from api.security.bodies import FORM_OVERHEAD_BYTES, BodyLimits, BodyMiddleware
from api.security.hosts import HostRules, parse_allowed
from api.security.middleware import EdgeMiddleware
from api.security.rates import RateLimit, parse_limits
from api.served import ServedMiddleware, serve_from
from indexer.jobs.supervisor import Supervisor
from search_engine.allocator import give_freed_memory_back
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError
from search_engine.images.decode_pool import DecodePool
from search_engine.priorities import lower, put_computing_last
from search_engine.storage.paths import DataPaths

log = logging.getLogger(__name__)

ROUTES = (
    health, access, collections, encoders, queries, item_batches, items, overviews, feedback,
    quality, pictures, jobs, uploads,
)  # fmt: skip

GIVE_BACK_S = 20
LEAST_GZIP_BYTES, GZIP_LEVEL = 1_000, 5
"""Smaller answers fit a packet anyway. Level 9 makes a page of labels 6 % smaller still, and takes
2.5 times as long."""


def create_app(settings: Settings) -> FastAPI:
    """The HTTP API on a data directory, and the page at `/`."""
    if settings.follow is not None:
        settings = settings.model_copy(update={"read_only": True, "query_tokens": "shared"})

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _opened(app, settings):
            yield

    app = FastAPI(
        title="Eyedex",
        version=version("eyedex"),
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(authorize)],
        responses=problems.ANY_PROBLEM,
    )
    app.state.is_stopping = lambda: False
    app.state.bad_keys = RateLimit("bad keys", BAD_KEYS)
    _add_middleware(app, settings)
    problems.install(app)
    for module in ROUTES:
        app.include_router(module.router)
    openapi.install(app)
    site.install(app, settings)
    return app


@asynccontextmanager
async def _opened(app: FastAPI, settings: Settings) -> AsyncIterator[None]:
    """Open the engine and what goes on beside answers, and close them in the end."""
    put_computing_last()
    decoder = await run_in_threadpool(_warm_decoder, settings)
    following = None
    if settings.follow is None:
        engine = await run_in_threadpool(SearchEngine, settings=settings, decoder=decoder)
    else:
        following = await run_in_threadpool(Following, settings, decoder)
        engine = await run_in_threadpool(following.open)
    app.state.decoder, app.state.following = decoder, following
    app.state.admission = Admission()
    await serve_from(app, engine)
    app.state.supervisor = supervisor = Supervisor(engine.settings)
    if following is not None:
        following.start(app)
    if not engine.catalog.read_only:
        threading.Thread(target=_fold_changes, args=(engine,), daemon=True).start()
        supervisor.start()
    tidying = asyncio.create_task(_give_back_memory())
    try:
        yield
    finally:
        tidying.cancel()
        if following is not None:
            await following.close()
        await app.state.job_watch.close()
        await run_in_threadpool(supervisor.close)
        await run_in_threadpool(app.state.keyring.note_use)
        await run_in_threadpool(app.state.engine.close)


async def _give_back_memory() -> None:
    """Return memory to the system, now and then: what nothing refers to any more, and is free."""
    while True:
        await asyncio.sleep(GIVE_BACK_S)
        gc.collect()
        await run_in_threadpool(give_freed_memory_back)


def _warm_decoder(settings: Settings) -> DecodePool:
    decoder = DecodePool(settings.upload_limits(), settings.workers)
    decoder.warm_up()
    return decoder


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """What requests pass through before routes; the last one that is added is the first."""
    bodies = BodyLimits(
        usual=settings.max_bytes + FORM_OVERHEAD_BYTES,
        batch=settings.batch_max_bytes,
        upload=settings.staged_max_bytes,
    )
    app.add_middleware(BodyMiddleware, limits=bodies)
    app.add_middleware(
        AuditMiddleware, log=_audit_log(settings), only_with_keys=settings.audit_log == "auto"
    )
    app.add_middleware(GZipMiddleware, minimum_size=LEAST_GZIP_BYTES, compresslevel=GZIP_LEVEL)
    app.add_middleware(HeadMiddleware)
    app.add_middleware(AddressMiddleware)
    app.add_middleware(
        EdgeMiddleware,
        hosts=HostRules(parse_allowed(settings.allowed_hosts)),
        bodies=bodies,
        read_only=settings.read_only,
        limits=parse_limits(settings.limits),
    )
    if settings.follow is not None:
        app.add_middleware(ServedMiddleware)
    if settings.metrics:
        from api import metrics  # Prometheus' library takes as long to import as FastAPI

        metrics.install(app)


def _audit_log(settings: Settings) -> AuditLog | None:
    """Where changes are noted; of a file that is named, that it cannot be written is said at once.

    Raises:
        StorageError: It cannot.
    """
    if settings.audit_log == "off":
        return None
    if settings.audit_log == "auto":
        return AuditLog(DataPaths(settings.data).audit)
    named = AuditLog(Path(settings.audit_log))
    if not settings.read_only:
        named.check()
    return named


def _fold_changes(engine: SearchEngine) -> None:
    """Build again what is missing, drifted or behind when the server starts; it answers meanwhile,
    from the catalog."""
    lower()
    try:
        names = [collection.name for collection in engine.catalog.collections()]
    except EyedexError as error:
        log.warning("the indexes are not brought up to date: %s", error)
        return
    for name in names:
        engine.fold_changes(name)
