"""A server that follows: it looks for what is published, and changes over while it answers.

The next state is opened, network and index included, beside the one that answers; then requests go
there, and the former is closed when its last one has been answered. Whatever goes wrong, the last
good state is served on, and how old it is can be asked.
"""

import asyncio
import logging
import shutil
import threading
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from api.schemas.server import Followed
from api.served import Served, serve_from
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import CollectionNotFoundError, EyedexError
from search_engine.images.decoder import Decoder
from search_engine.maintenance.follow import Follower, State
from search_engine.priorities import lower

log = logging.getLogger(__name__)


class Following:
    """Follows for one server. Belongs to its event loop."""

    def __init__(self, settings: Settings, decoder: Decoder) -> None:
        """Take the first state: the one that was pulled last, or what is published.

        Raises:
            LockHeldError: Another server follows into this folder.
            NotFoundError: Nothing is published.
            StorageError: It cannot be pulled.
        """
        self._settings = settings
        self._decoder = decoder
        self._follower = Follower(settings)
        self._held = ExitStack()
        self._held.enter_context(self._follower.alone())
        self._task: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._looked = time.monotonic()
        self._problem: str | None = None
        self.failures = 0
        try:
            self._state = self._follower.ready()
        except BaseException:
            self._held.close()
            raise
        self._follower.forget_others((self._state,))

    @property
    def age_s(self) -> float:
        """Seconds since what is served was published as the state of its origin."""
        return (datetime.now(UTC) - self._state.published.time).total_seconds()

    @property
    def looked_s(self) -> float:
        """Seconds since what is published was looked at with success."""
        return time.monotonic() - self._looked

    def told(self) -> Followed:
        """How old it is what is served, and why nothing newer comes if that fails."""
        return {
            "published": self._state.published.published,
            "age_s": round(self.age_s, 1),
            "looked_s": round(self.looked_s, 1),
            "failures": self.failures,
            "problem": self._problem,
        }

    def open(self) -> SearchEngine:
        """Open the state that is served."""
        return self._open(self._state)

    def start(self, app: FastAPI) -> None:
        """Look for newer states from now on."""
        self._task = asyncio.create_task(self._run(app))

    async def close(self) -> None:
        """Look no more; what is served is the caller's to close."""
        for task in filter(None, (self._task, *self._retiring)):
            task.cancel()
            await asyncio.wait([task])
        self._held.close()

    async def _run(self, app: FastAPI) -> None:
        while True:
            await asyncio.sleep(self._settings.follow_every_s)
            try:
                await self._look(app)
            except Exception as error:  # noqa: BLE001 - it goes on with what it has
                self.failures += 1
                said = error.code if isinstance(error, EyedexError) else type(error).__name__
                if said != self._problem:
                    log.warning("the last good state is served on: %s", error)
                self._problem = said

    async def _look(self, app: FastAPI) -> None:
        """Change over to what is published now, if that is another state."""
        found = await _pulled(self._follower)
        former: Served = app.state.served
        engine = None
        if found.data != self._state.data:
            engine = await run_in_threadpool(self._open, found, former.engine)
        self._state = found
        self._looked, self._problem = time.monotonic(), None
        if engine is not None:
            await serve_from(app, engine)
            retiring = asyncio.create_task(_retire(former))
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)

    def _open(self, state: State, former: SearchEngine | None = None) -> SearchEngine:
        """Open a state with all that questions need; what computes is shared with the former."""
        settings = self._settings.model_copy(update={"data": state.data, "database_url": None})
        engine = SearchEngine(settings=settings, decoder=self._decoder, create=False)
        try:
            if former is not None:
                _warm_up(engine, former)
        except BaseException:
            engine.catalog.close()
            raise
        return engine


def _warm_up(engine: SearchEngine, former: SearchEngine) -> None:
    """Open all collections, with the networks that are loaded already."""
    for collection in engine.catalog.collections():
        live = engine.live(collection.name)
        with suppress(CollectionNotFoundError):  # there is one more now
            live.share_encoder(former.live(collection.name))
        live.encoder()
        live.snapshot()


async def _retire(served: Served) -> None:
    """Close what nobody asks any more, and delete it; what was never opened goes at a start."""
    await served.unused.wait()
    await run_in_threadpool(served.engine.catalog.close)
    await run_in_threadpool(shutil.rmtree, served.engine.settings.data, ignore_errors=True)


async def _pulled(follower: Follower) -> State:
    """What is here after `pull`, also if an earlier one brought it.

    In a thread that does not keep the process where the store hangs.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[State] = loop.create_future()

    def settle(found: State | Exception) -> None:
        if done.cancelled():
            return
        if isinstance(found, State):
            done.set_result(found)
        else:
            done.set_exception(found)

    def pull() -> None:
        lower()
        found: State | Exception
        try:
            found = follower.pull() or follower.ready()
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            found = error
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=pull, name="pull", daemon=True).start()
    return await done
