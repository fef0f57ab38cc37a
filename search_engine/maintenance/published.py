"""What `eyedex publish` leaves in a folder, and followers read: a snapshot in parts.

    published.json       names the state that is current and the one before it; written last
    parts/<sha256>       files of a snapshot, and its description, by their content

The description is that of an archive (`storage.archive`), and found by its hash as all else is; so
whoever trusts `published.json` trusts it all. A key that publisher and followers share signs that.
"""

import hashlib
import hmac
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from search_engine.errors import CorruptDataError, NewerFormatError
from search_engine.storage.archive import MAX_DESCRIPTION_BYTES, Description
from search_engine.storage.remote_folder import RemoteFolder

NAME = "published.json"
FORMAT = 1
MOST_BYTES = 64 * 2**10
_SHA256 = r"^[0-9a-f]{64}$"


class Published(BaseModel):
    """`published.json`: the current state and the one before it, by hashes of descriptions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: int = FORMAT
    state: str = Field(pattern=_SHA256)
    former: str | None = Field(default=None, pattern=_SHA256)
    published: str = Field(max_length=64)
    """When this was the state of the origin, in ISO 8601 with its offset."""
    signature: str = Field(default="", max_length=64)

    @property
    def time(self) -> datetime:
        """When this was the state of the origin."""
        return datetime.fromisoformat(self.published)

    def signed(self, key: SecretStr | None) -> "Published":
        """The same with its signature by a key, if there is one."""
        return self.model_copy(update={"signature": self._signature(key) if key else ""})

    def is_signed(self, key: SecretStr) -> bool:
        """Whether somebody signed it who has the key."""
        return hmac.compare_digest(self.signature.encode(), self._signature(key).encode())

    def _signature(self, key: SecretStr) -> str:
        said = self.model_copy(update={"signature": ""}).model_dump_json()
        return hmac.digest(key.get_secret_value().encode(), said.encode(), "sha256").hex()


class _Versioned(BaseModel):
    """The only field that all later formats keep."""

    format: int


def read_published(folder: RemoteFolder) -> Published | None:
    """What is published in a folder; None where nothing is.

    Raises:
        CorruptDataError: It cannot be read.
        NewerFormatError: A newer version wrote it.
        StorageError: The store cannot be reached.
    """
    raw = folder.read(NAME, MOST_BYTES)
    return None if raw is None else parsed(raw, f"{folder.url}/{NAME}")


def parsed(raw: bytes, where: str) -> Published:
    """A `published.json` from its bytes.

    Raises:
        CorruptDataError, NewerFormatError: As `read_published`.
    """
    try:
        if _Versioned.model_validate_json(raw).format > FORMAT:
            raise NewerFormatError(
                "a newer version published this", where=where, fix="use a newer eyedex"
            )
        found = Published.model_validate_json(raw)
        if found.time.tzinfo is None:
            raise ValueError("a time without its offset")
    except ValueError as error:  # pydantic's is one
        what = "of another form" if isinstance(error, ValidationError) else error
        raise CorruptDataError(
            f"what is published cannot be read: {what}", where=where, fix="publish again"
        ) from error
    return found


def part(sha256: str) -> str:
    """The name of a file by its content."""
    return f"parts/{sha256}"


def read_description(folder: RemoteFolder, state: str) -> Description:
    """What a published state consists of.

    Raises:
        CorruptDataError: It is missing, or not what its hash says.
        StorageError: The store cannot be reached.
    """
    raw = folder.read(part(state), MAX_DESCRIPTION_BYTES)
    where = f"{folder.url}/{part(state)}"
    if raw is None or hashlib.sha256(raw).hexdigest() != state:
        what = "is missing" if raw is None else "does not match its checksum"
        raise CorruptDataError(f"the description {what}", where=where, fix="publish again")
    try:
        return Description.model_validate_json(raw)
    except ValidationError as error:
        raise NewerFormatError(
            "the description is of another form", where=where, fix="use a newer eyedex"
        ) from error
