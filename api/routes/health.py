"""Is the process alive; can it answer."""

from fastapi import APIRouter, Request

from api.dependencies import EngineDep
from api.following import Following
from api.problems import Problem, responses
from api.schemas.server import Alive, Ready
from search_engine.catalog.collection_rows import require_sound_collection
from search_engine.engine import SearchEngine
from search_engine.errors import DamagedRecordError, EyedexError, WorkerLostError
from search_engine.images.confinement import NOT_CONFINED, can_confine

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="healthz", summary="The process is alive")
async def healthz() -> Alive:
    """Tests nothing else."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    operation_id="readyz",
    summary="Catalog, index, encoder and decoding processes are usable",
    responses=responses(503),
)
def readyz(request: Request, engine: EngineDep) -> Ready:
    """Opens whatever is not open yet, so that the first query does not have to.

    Where a collection cannot be used because what the catalog says of it is damaged, the others
    still are: the server is ready, and `damaged` tells of the one.
    """
    try:
        request.app.state.decoder.check()
    except WorkerLostError as error:
        raise Problem(503, "not_ready", f"not ready: {error.code}: {error.what}") from error
    damaged = {}
    try:
        names = [each.name for each in engine.catalog.collections()]
        for name in names:
            try:
                _open(engine, name)
            except DamagedRecordError as error:
                damaged[name] = str(error)
    except EyedexError as error:
        raise Problem(503, "not_ready", f"not ready: {error.code}") from error
    if damaged and len(damaged) == len(names):
        raise Problem(503, "not_ready", f"not ready: {'; '.join(damaged.values())}")
    answer: Ready = {"status": "ready"}
    if damaged:
        answer["damaged"] = damaged
    if not can_confine():
        answer["warnings"] = [NOT_CONFINED]
    following: Following | None = request.app.state.following
    if following is not None:
        answer["following"] = following.told()
    return answer


def _open(engine: SearchEngine, collection: str) -> None:
    live = engine.live(collection)
    require_sound_collection(live.record)
    live.snapshot()
    live.encoder()
