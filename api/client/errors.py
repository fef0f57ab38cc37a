"""Problems that a server answers with, as exceptions: one class a family of causes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2


class ApiError(Exception):
    """The server answered with a problem (RFC 9457).

    `code` stays the same from version to version, `detail` says what is wrong and how to mend it,
    `request_id` names the request in the log of the server.
    """

    def __init__(self, detail: str, *, code: str, status: int = 0, request_id: str = "") -> None:
        super().__init__(f"{detail} ({code})" if detail else code)
        self.detail = detail
        self.code = code
        self.status = status
        self.request_id = request_id


class Invalid(ApiError):
    """The request cannot be understood, or one of its values cannot be (400, 415, 422)."""


class Forbidden(ApiError):
    """The server does not do this, as it only reads, say (401, 403)."""


class NotFound(ApiError):
    """There is no such thing, or not any more (404, 410)."""


class Conflict(ApiError):
    """It does not fit the state that things are in (409, 412)."""


class TooLarge(ApiError):
    """More than the server accepts, or has room for (413, 507)."""


class Unavailable(ApiError):
    """The server cannot answer now; later it may (429, 502, 503, 504)."""


class NoAnswer(Unavailable):
    """No answer came at all: the server cannot be reached, or the connection broke."""


_KINDS: dict[type[ApiError], tuple[int, ...]] = {
    Invalid: (400, 415, 422),
    Forbidden: (401, 403),
    NotFound: (404, 410),
    Conflict: (409, 412),
    TooLarge: (413, 507),
    Unavailable: (429, 502, 503, 504),
}
_KIND_OF_STATUS = {status: kind for kind, statuses in _KINDS.items() for status in statuses}


def error_of(response: httpx2.Response) -> ApiError:
    """The problem of an answer; one that is none of ours keeps its status."""
    try:
        body = response.json()
    except ValueError:
        body = None
    return problem_error(body if isinstance(body, dict) else {}, response.status_code)


def problem_error(body: dict[str, Any], status: int) -> ApiError:
    """A problem as an exception."""
    kind = _KIND_OF_STATUS.get(status, ApiError)
    return kind(
        str(body.get("detail", f"HTTP status {status}")),
        code=str(body.get("code", f"http_{status}")),
        status=status,
        request_id=str(body.get("request_id", "")),
    )


def no_answer(error: httpx2.TransportError) -> NoAnswer:
    """A connection that failed, as an exception."""
    said = str(error) or type(error).__name__
    return NoAnswer(f"no answer from the server: {said}", code="no_answer")
