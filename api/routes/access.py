"""What a request may do, for clients that show only what is allowed."""

from fastapi import APIRouter, Request

from api.dependencies import NO_PARAMETERS, EngineDep
from api.problems import responses
from api.schemas.server import Access
from api.security.access import GrantDep
from api.security.keyring import Keyring

router = APIRouter(tags=["health"])


@router.get(
    "/v1/access",
    operation_id="getAccess",
    summary="What may be done with this key",
    responses=responses(422),
    dependencies=NO_PARAMETERS,
)
def get_access(request: Request, engine: EngineDep, grant: GrantDep) -> Access:
    """Or without one, where none is sent; everything until the first key is made."""
    keyring: Keyring = request.app.state.keyring
    anonymous = keyring.grant(None)
    return {
        "scope": grant.scope,
        "collections": None if grant.collections is None else sorted(grant.collections),
        "anonymous": None if anonymous is None else anonymous.scope,
        "read_only": engine.settings.read_only or engine.catalog.read_only,
    }
