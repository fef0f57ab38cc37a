"""Settings: one frozen value, built at the edge from an environment that is handed in.

Order: explicit argument, then `EYEDEX_...` in the environment, then the default. Nothing here is
read at import time and there is no module-level settings object.
"""

import os
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from search_engine.encoders.runtime import RuntimeChoice
from search_engine.errors import ParameterError
from search_engine.images import (
    CATALOG_FORMATS,
    CATALOG_SETTING,
    UPLOAD_FORMATS,
    ImageLimits,
    readable_heif,
)
from search_engine.plain_numbers import parse_real, parse_whole
from search_engine.storage.paths import DataPaths

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

PREFIX = "EYEDEX_"
NOT_SETTINGS = (
    "EYEDEX_BIN",
    "EYEDEX_FAULT",
    "EYEDEX_MILVUS_URI",
    "EYEDEX_MILVUS_TOKEN",
    "EYEDEX_NETWORK_CACHE",
    "EYEDEX_QDRANT_TOKEN",
)
"""Names that others read: scripts that look for the command, fault points, an option of the command
line, secrets of servers, and where networks are cached."""
_OF_SERVICES = re.compile(
    r"\w*(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)=.*"
    r"|\w*PORT=(tcp|udp|sctp)://.*"
)
"""Variables about services nearby, which Kubernetes and links of Docker hand to a program."""
CATALOG_MAX_SIDE_PX = 65_535
MAX_DECODED_PIXELS = 100_000_000
"""More do not fit into the memory of a decoding process; JPEGs are made smaller on the way."""


class Settings(BaseModel):
    """What can be set; each field is `EYEDEX_<NAME>` in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(default=Path("eyedex-data"), description="The data directory.")
    database_url: SecretStr | None = Field(
        default=None,
        description="Address of the PostgreSQL database for the catalog of a new data directory, "
        "`postgresql+psycopg://USER:PASSWORD@HOST/DATABASE`; a directory notes its own, but for "
        "the password. Without it the catalog is a file of the directory.",
    )
    runtime: RuntimeChoice = Field(default="auto", description="What runs the networks.")
    workers: int = Field(
        default_factory=lambda: max(1, os.cpu_count() or 1),
        ge=1,
        le=256,
        description="Decoding processes.",
    )
    batch_size: int = Field(default=64, ge=1, le=1024, description="Pictures encoded at once.")
    lock_wait_s: float = Field(
        default=10.0, ge=0, le=3600, description="How long a writer waits for its turn."
    )
    max_bytes: int = Field(
        default=10 * 2**20,
        ge=1,
        le=2**30,
        description="Largest picture that is sent, and largest body of most requests.",
    )
    max_pixels: int = Field(
        default=40_000_000,
        ge=1,
        le=100_000_000,
        description="Most pixels of a picture that is sent.",
    )
    upload_heif: bool = Field(
        default=False, description="Whether HEIC and AVIF may be sent, where they can be read."
    )
    catalog_max_bytes: int = Field(
        default=100 * 2**20, ge=1, le=2**30, description="Largest picture among your own files."
    )
    catalog_max_pixels: int = Field(
        default=200_000_000,
        ge=1,
        le=10**9,
        description="Most pixels of a JPEG among your own files; of others at most 100,000,000.",
    )
    batch_max_bytes: int = Field(
        default=100 * 2**20,
        ge=1,
        le=2**32,
        description="Largest request body with many items or queries.",
    )
    staged_max_bytes: int = Field(
        default=2 * 2**30, ge=1, le=2**44, description="Most bytes of an upload for a job."
    )
    staged_max_files: int = Field(
        default=100_000, ge=1, le=10**7, description="Most files of an upload for a job."
    )
    staged_max_open: int = Field(
        default=100, ge=1, le=10**5, description="Most uploads for jobs at a time."
    )
    staged_hours: float = Field(
        default=24.0,
        gt=0,
        le=24 * 366,
        description="Hours after which an upload that nothing is added to and no job uses is "
        "removed.",
    )
    disk_reserve_bytes: int = Field(
        default=2**30,
        ge=0,
        le=2**50,
        description="Room on the disk that uploads leave free.",
    )
    index_memory_mb: int = Field(
        default=4_096,
        ge=1,
        le=10**7,
        description="Most memory for the index of a collection; vectors mapped from disk aside.",
    )
    index_recall: float = Field(
        default=0.99,
        gt=0,
        le=1,
        description="Share of the 10 most similar items that an approximate index must find; "
        "1 for exact indexes only.",
    )
    allowed_hosts: str = Field(
        default="localhost,127.0.0.1,[::1]",
        description="Host names that requests may name, comma separated; * for any.",
    )
    anonymous: Literal["none", "read"] = Field(
        default="none",
        description="What may be done over HTTP without a key once there are keys.",
    )
    limits: str = Field(
        default="",
        description="Most requests of a key, or of an address without one, such as "
        "`read=20/s,write=100/m`; none without it.",
    )
    audit_log: str = Field(
        default="auto",
        description="The file that says who changed what; `off` for none, `auto` for `audit.jsonl` "
        "in the data directory once there are keys.",
    )
    allow_urls: str = Field(
        default="",
        description="Hosts that pictures in tables may be fetched from, comma separated; * for any "
        "public one.",
    )
    sources: str = Field(
        default="",
        description="Directories below which jobs may read catalogs, comma separated.",
    )
    ray_address: str | None = Field(
        default=None,
        description="Cluster of Ray for indexing with the executor `ray`: HOST:PORT, or `auto` for "
        "the one that this machine is part of. Whoever runs it can run anything here.",
    )
    ray_folder: Path | None = Field(
        default=None,
        description="Folder that all machines of the cluster share at the same path, for what is "
        "embedded and not committed yet; without it one in the data directory.",
    )
    job_workers: int = Field(
        default=1,
        ge=1,
        le=16,
        description="Jobs that a server runs at once, each of another collection.",
    )
    feedback_days: float = Field(
        default=365.0, gt=0, le=36_500, description="Days after which feedback is removed."
    )
    feedback_max_events: int = Field(
        default=1_000_000, ge=1, le=10**9, description="Most events of feedback that are kept."
    )
    docs: bool = Field(default=False, description="Serve the reference of the API at `/docs`.")
    metrics: bool = Field(default=False, description="Serve figures for Prometheus at `/metrics`.")
    page: Path | None = Field(
        default=None, description="File (TOML) whose section `[page]` makes the page one's own."
    )
    read_only: bool = Field(
        default=False,
        description="Answer questions only and write nothing, alone or beside another process.",
    )
    query_tokens: Literal["local", "shared"] = Field(
        default="local",
        description="Whether a query_token is known to the server that gave it, or carries what "
        "every server of the same catalog understands.",
    )
    follow: str | None = Field(
        default=None,
        description="Where `eyedex publish` puts what a server follows: `s3://BUCKET/PREFIX`, "
        "`gs://...` or `file://...`.",
    )
    follow_every_s: float = Field(
        default=10.0,
        gt=0,
        le=86_400,
        description="How often a server looks for something newer to follow.",
    )
    publish_key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Secret that publisher and followers share: what is published is signed with "
        "it.",
    )

    @classmethod
    def from_env(cls, environ: Mapping[str, str], **overrides: object) -> "Settings":
        """Settings from `EYEDEX_...` names of `environ`; overrides other than None win.

        Raises:
            ParameterError: An unknown name or a bad value, naming the variable.
        """
        found: dict[str, object] = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in environ.items()
            if name.startswith(PREFIX)
            and name not in NOT_SETTINGS
            and not _OF_SERVICES.fullmatch(f"{name}={value}")
        }
        for name, value in found.items():
            _check_spelling(name, str(value), cls.model_fields)
        found.update({name: value for name, value in overrides.items() if value is not None})
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            raise _bad_setting(error.errors()[0], cls.model_fields) from error

    @property
    def paths(self) -> DataPaths:
        """Where the data directory and its catalog are."""
        url = self.database_url
        return DataPaths(self.data, None if url is None else url.get_secret_value())

    def told(self) -> dict[str, Any]:
        """These settings for another process, secrets included; not for people."""
        hidden = {"database_url": self.paths.database, "publish_key": None}  # of no job
        return {**self.model_dump(mode="json"), **hidden}

    def upload_limits(self) -> ImageLimits:
        """What strangers may send."""
        formats = UPLOAD_FORMATS + (readable_heif() if self.upload_heif else ())
        return ImageLimits(max_bytes=self.max_bytes, max_pixels=self.max_pixels, formats=formats)

    def catalog_limits(self) -> ImageLimits:
        """What the owner's own files may be."""
        return ImageLimits(
            max_bytes=self.catalog_max_bytes,
            max_pixels=min(self.catalog_max_pixels, MAX_DECODED_PIXELS),
            max_side_px=CATALOG_MAX_SIDE_PX,
            formats=CATALOG_FORMATS + readable_heif(),
            max_jpeg_pixels=self.catalog_max_pixels,
            setting=CATALOG_SETTING,
        )


def _check_spelling(name: str, text: str, fields: Mapping[str, FieldInfo]) -> None:
    """Refuse what nobody means: nothing, and numbers that only Python spells so.

    Raises:
        ParameterError: As `from_env`.
    """
    if name not in fields:
        return
    default = fields[name].get_default(call_default_factory=True)
    parse = _PARSERS.get(fields[name].annotation)
    if text == "" and default != "":
        said = "it is empty"
    elif parse is not None and parse(text) is None:
        said = "not a number in plain digits"
    else:
        return
    what = f"setting {PREFIX}{name.upper()} is {text!r}: {said}"
    raise ParameterError(what, where="environment", fix=f"without it {default} is used")


_PARSERS: Mapping[Any, Callable[[str], float | None]] = {int: parse_whole, float: parse_real}


def _bad_setting(found: "ErrorDetails", fields: Mapping[str, FieldInfo]) -> ParameterError:
    """What is wrong with a setting, and what it could be."""
    name = PREFIX + "_".join(str(part) for part in found["loc"]).upper()
    if found["type"] == "extra_forbidden":
        known = [field.upper() for field in fields]
        near = get_close_matches(name.removeprefix(PREFIX), known, 1)
        listed = ", ".join(PREFIX + field for field in known)
        fix = f"did you mean {PREFIX}{near[0]}?" if near else f"known: {listed}"
        return ParameterError(f"there is no setting {name}", where="environment", fix=fix)
    default = fields[str(found["loc"][0])].get_default(call_default_factory=True)
    said = found["msg"][:1].lower() + found["msg"][1:]
    return ParameterError(
        f"setting {name} is {found['input']!r}: {said}",
        where="environment",
        fix=f"without it {default} is used",
    )
