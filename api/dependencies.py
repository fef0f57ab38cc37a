"""What routes need, taken from the app's state."""

from typing import Annotated

from fastapi import Depends, Request

from indexer.staging import Staging
from search_engine.catalog.collection_rows import check_collection_name
from search_engine.engine import SearchEngine
from search_engine.errors import CollectionNotFoundError, ParameterError
from search_engine.near import shown


async def engine_of(request: Request) -> SearchEngine:
    """The engine that this request is answered from; see `api.served`."""
    engine: SearchEngine = request.scope.get("served", request.app.state).engine
    return engine


async def staging_of(request: Request) -> Staging:
    """The uploads of the data directory."""
    staging: Staging = request.app.state.staging
    return staging


async def collection_of(c: str) -> str:
    """The collection named in the path; one that cannot exist does not."""
    try:
        return check_collection_name(c)
    except ParameterError as error:
        what = "there is no collection of this name, and cannot be"
        raise CollectionNotFoundError(what, fix=error.fix) from None


async def no_parameters(request: Request) -> None:
    """Refuse a query string, for routes that read none: nothing is ignored without a word."""
    for name in request.query_params:
        reads_body = request.method in ("POST", "PUT", "PATCH")
        fix = "send it in the body" if reads_body else "leave it out"
        raise ParameterError("this address takes no such parameter", where=shown(name), fix=fix)


EngineDep = Annotated[SearchEngine, Depends(engine_of)]
StagingDep = Annotated[Staging, Depends(staging_of)]
CollectionDep = Annotated[str, Depends(collection_of)]
NO_PARAMETERS = [Depends(no_parameters)]
"""Of a route that reads no query string."""
