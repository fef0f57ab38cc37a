"""Overviews of a collection, which jobs make: what looks wrong in it, and its map."""

from fastapi import APIRouter, Request

from api.dependencies import CollectionDep, EngineDep
from api.parameters import CURSOR, Parameters, text, whole, whole_if_any
from api.problems import responses
from api.schemas.overviews import (
    MapAnswer,
    MislabelledPage,
    OutlierPage,
    map_json,
    mislabelled_json,
    outliers_json,
)
from search_engine.overviews.lists import suspect_page
from search_engine.overviews.map import map_page
from search_engine.overviews.storage import load_overview

router = APIRouter(prefix="/v1/collections/{c}", tags=["overviews"])

PAGE_SUSPECTS, MAX_PAGE_SUSPECTS = 50, 500
PAGE_POINTS, MAX_PAGE_POINTS = 5_000, 20_000
MAX_SAMPLE = 1_000_000

_LIMIT = whole("limit", "items to a page", PAGE_SUSPECTS, 1, MAX_PAGE_SUSPECTS)
LIST_MISLABELLED = Parameters(
    text("target", "what was judged: `label` (the default), `product_id` or an attribute", "color"),
    _LIMIT,
    CURSOR,
)
LIST_OUTLIERS = Parameters(_LIMIT, CURSOR)
GET_MAP = Parameters(
    whole_if_any("sample", "only so many items, evenly spread over all of them", 1, MAX_SAMPLE),
    whole("limit", "points to a page", PAGE_POINTS, 1, MAX_PAGE_POINTS),
    CURSOR,
)


@router.get(
    "/mislabelled",
    operation_id="listMislabelled",
    summary="Items whose labels look wrong",
    responses=responses(404, 422),
    openapi_extra=LIST_MISLABELLED.openapi,
)
def list_mislabelled(
    request: Request, collection: CollectionDep, engine: EngineDep
) -> MislabelledPage:
    """The most suspicious first, 10,000 at most, as the last job `mislabelled` found them.

    404 `overview_not_found` where there was none. Items that were removed, or have another picture
    or label since, are left out.
    """
    values = LIST_MISLABELLED.read(request)
    live, target = engine.live(collection), values["target"] or "label"
    page = suspect_page(
        engine.catalog, live, "mislabelled", target, values["limit"], values["cursor"]
    )
    return mislabelled_json(collection, page)


@router.get(
    "/outliers",
    operation_id="listOutliers",
    summary="Items that are unlike all others",
    responses=responses(404, 422),
    openapi_extra=LIST_OUTLIERS.openapi,
)
def list_outliers(request: Request, collection: CollectionDep, engine: EngineDep) -> OutlierPage:
    """The loneliest first, 10,000 at most, as the last job `outliers` found them.

    404 `overview_not_found` where there was none. Items that were removed or have another picture
    since are left out.
    """
    values = LIST_OUTLIERS.read(request)
    live = engine.live(collection)
    page = suspect_page(
        engine.catalog, live, "outliers", "label", values["limit"], values["cursor"]
    )
    return outliers_json(collection, page)


@router.get(
    "/map",
    operation_id="getMap",
    summary="The items in a plane, alike ones together",
    responses=responses(404, 422),
    openapi_extra=GET_MAP.openapi,
)
def get_map(request: Request, collection: CollectionDep, engine: EngineDep) -> MapAnswer:
    """As the last job `map` laid them out; 404 `overview_not_found` where there was none.

    Items that came since are placed among those most like them, and removed ones left out. Pages
    are in the order in which items were added; one ends early where many are to be placed.
    """
    values = GET_MAP.read(request)
    live = engine.live(collection)
    overview = load_overview(engine.catalog, live.record, "map")
    page = map_page(
        engine.catalog, live, overview, values["limit"], values["cursor"], values["sample"]
    )
    return map_json(collection, page)
