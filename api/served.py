"""What a server answers from: an engine, and what belongs to it; a server that follows changes it.

A request stays with what was served when it came, so nothing is closed under it.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from api.job_events import JobWatch
from api.security.keyring import Keyring
from indexer.staging import Staging
from search_engine.access import Grant
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError


@dataclass(eq=False)
class Served:
    """An engine, how many requests are at it, and whether that is none. Of one event loop."""

    engine: SearchEngine
    users: int = 0
    unused: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.unused.set()


async def serve_from(app: FastAPI, engine: SearchEngine) -> Served:
    """Let requests that come from now on be answered from an engine; its keys are known then."""
    settings, catalog = engine.settings, engine.catalog
    anonymous = Grant("read") if settings.anonymous == "read" else None
    keyring = Keyring(catalog, anonymous)
    with suppress(EyedexError):  # each request reads them again, and says what is wrong
        await run_in_threadpool(keyring.refresh)
    state = app.state
    former: JobWatch | None = getattr(state, "job_watch", None)
    state.engine, state.keyring = engine, keyring
    state.staging = Staging(catalog.paths, settings)
    state.job_watch = JobWatch(catalog, state.is_stopping)
    state.served = served = Served(engine)
    if former is not None:
        await former.close()
    return served


class ServedMiddleware:
    """Counts the requests at what is served, where that changes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one request (the ASGI interface)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        served: Served = scope["app"].state.served
        scope["served"] = served
        served.users += 1
        served.unused.clear()
        try:
            await self._app(scope, receive, send)
        finally:
            served.users -= 1
            if not served.users:
                served.unused.set()
