"""The encoders that a collection can have."""

from fastapi import APIRouter

from api.dependencies import NO_PARAMETERS
from api.problems import responses
from api.schemas.collections import EncoderList, encoder_json
from search_engine.encoders.registry import list_families

router = APIRouter(tags=["collections"])


@router.get(
    "/v1/encoders",
    operation_id="listEncoders",
    summary="The encoders that a collection can have",
    responses=responses(422),
    dependencies=NO_PARAMETERS,
)
def list_encoders() -> EncoderList:
    """As `eyedex encoders`; jobs of the kinds `index` and `switch` take one of them."""
    return {"encoders": [encoder_json(family) for family in list_families()]}
