"""What routes need, taken from the app's state."""

from typing import Annotated

from fastapi import Depends, Request

from search_engine.catalog.store import check_collection_name
from search_engine.engine import SearchEngine
from search_engine.errors import CollectionNotFoundError, ParameterError


async def engine_of(request: Request) -> SearchEngine:
    """The engine that the lifespan opened."""
    engine: SearchEngine = request.app.state.engine
    return engine


async def collection_of(c: str) -> str:
    """The collection named in the path; one that cannot exist does not."""
    try:
        return check_collection_name(c)
    except ParameterError:
        raise CollectionNotFoundError("there is no collection of this name") from None


EngineDep = Annotated[SearchEngine, Depends(engine_of)]
CollectionDep = Annotated[str, Depends(collection_of)]
