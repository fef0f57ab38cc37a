"""How good a collection answers, and going back to an earlier state of its index."""

from fastapi import APIRouter, Request

from api.dependencies import NO_PARAMETERS, CollectionDep, EngineDep
from api.parameters import Parameters, text
from api.problems import responses
from api.routes.collections import encoder_identity
from api.schemas.quality import (
    CalibrationAnswer,
    GenerationList,
    calibration_answer,
    generation_list,
)
from search_engine.catalog.fields import check_field
from search_engine.engine import SearchEngine
from search_engine.indexes.generations import describe_generations
from search_engine.vote.calibration.store import STALE_SHARE, load_calibration, moved_share

router = APIRouter(prefix="/v1/collections/{c}", tags=["collections"])

GET_CALIBRATION = Parameters(
    text("target", "what is classified by: `label` (the default), `product_id` or an attribute")
)


@router.get(
    "/calibration",
    operation_id="getCalibration",
    summary="How far the vote can be trusted",
    responses=responses(404, 422),
    openapi_extra=GET_CALIBRATION.openapi,
)
def get_calibration(
    request: Request, collection: CollectionDep, engine: EngineDep
) -> CalibrationAnswer:
    """What share of the photos is answered, and how many answers are right, by confidence.

    As the last calibration found it: indexing calibrates the label by itself, the job `calibrate`
    any target.
    """
    target = GET_CALIBRATION.read(request)["target"] or "label"
    record = engine.live(collection).record
    check_field(engine.catalog, record, target, "target")
    found = load_calibration(engine.catalog, record, target)
    outdated = found is not None and moved_share(engine.catalog, record, found) > STALE_SHARE
    return calibration_answer(target, found, outdated)


@router.get(
    "/generations",
    operation_id="listGenerations",
    summary="What a collection can go back to",
    responses=responses(404, 422),
    dependencies=NO_PARAMETERS,
)
def list_generations(collection: CollectionDep, engine: EngineDep) -> GenerationList:
    """Published indexes, each verified, and the encoder before the last change."""
    return _generations(engine, collection)


@router.post(
    "/rollback",
    operation_id="rollBackCollection",
    summary="Go back to the index before",
    responses=responses(404, 422, 503),
    dependencies=NO_PARAMETERS,
)
def roll_back_collection(collection: CollectionDep, engine: EngineDep) -> GenerationList:
    """No item is lost: what changed since that index was made is added to it.

    404 `not_found` where no earlier one is sound.
    """
    engine.live(collection).roll_back()
    return _generations(engine, collection)


def _generations(engine: SearchEngine, collection: str) -> GenerationList:
    live = engine.live(collection)
    former = engine.catalog.former(engine.catalog.collection(collection))
    return generation_list(
        describe_generations(live.folder), None if former is None else encoder_identity(former)
    )
