"""Is the process alive; can it answer."""

from typing import Any

from fastapi import APIRouter, Request

from api.dependencies import EngineDep
from api.problems import Problem, responses
from search_engine.errors import EyedexError, WorkerLostError

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="The process is alive")
async def healthz() -> dict[str, str]:
    """Tests nothing else."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    summary="Catalog, index, encoder and decoding processes are usable",
    responses=responses(503),
)
def readyz(request: Request, engine: EngineDep) -> dict[str, Any]:
    """Opens whatever is not open yet, so that the first query does not have to."""
    try:
        request.app.state.decoder.check()
    except WorkerLostError as error:
        raise Problem(503, "not_ready", f"not ready: {error.code}: {error.what}") from error
    try:
        for collection in engine.catalog.collections():
            live = engine.live(collection.name)
            live.snapshot()
            live.encoder()
    except EyedexError as error:
        raise Problem(503, "not_ready", f"not ready: {error.code}") from error
    return {"status": "ready"}
