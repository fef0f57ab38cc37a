"""Publish a data directory to a folder that followers read, while others search and write.

It is a snapshot (`snapshot.stage`), checked as every one, in parts that are named by their content:
what is there already is not sent again. `published.json` is written last, so followers see the
state before or this one; parts of neither are deleted.
"""

import hashlib
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from search_engine.config import Settings
from search_engine.errors import CorruptDataError, NotFoundError
from search_engine.maintenance.published import (
    NAME,
    Published,
    part,
    read_description,
    read_published,
)
from search_engine.maintenance.snapshot import stage
from search_engine.maintenance.staging import item_count, real_path, workshop
from search_engine.storage.archive import Description
from search_engine.storage.durable import storage_error
from search_engine.storage.faults import fault_point
from search_engine.storage.paths import DataPaths
from search_engine.storage.remote_folder import RemoteFolder


@dataclass(frozen=True, slots=True)
class PublishReport:
    """What was published; `sent_bytes` were not there before."""

    url: str
    state: str
    seq: int
    collections: int
    items: int
    size_bytes: int
    sent_bytes: int
    removed: int
    signed: bool
    seconds: float

    def summary(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}


def publish(settings: Settings, url: str) -> PublishReport:
    """Make what is in the data directory, as of one commit, what followers of a folder take over.

    Args:
        settings: Name the data directory, and the key to sign with if there is one.
        url: Of the folder, such as `s3://bucket/prefix`. One data directory publishes to it.

    Raises:
        ParameterError: There are no such addresses.
        NotFoundError: There is no catalog.
        LockHeldError: Another process publishes this data directory.
        StorageError: The catalog is damaged, or the store cannot be reached; followers keep what
            was published before.
    """
    started = time.perf_counter()
    folder = RemoteFolder(url)
    data = real_path(settings.data)
    if not settings.paths.has_catalog:
        raise NotFoundError(
            f"there is no catalog in {data}",
            fix="index something first, or name another with --data or EYEDEX_DATA",
        )
    former = _former(folder)
    try:
        with workshop(data / "publishing", "publishing this catalog") as aside:
            staged = DataPaths(aside / "data")
            description, report = stage(settings, staged)
            state, sent = _send(folder, staged, description, former)
    except OSError as error:
        raise storage_error(error, "publishing", data) from error
    now = _name(settings, folder, state, former)
    return PublishReport(
        url=folder.url,
        state=state,
        seq=description.seq,
        collections=len(report.collections),
        items=item_count(report),
        size_bytes=description.unpacked_bytes(),
        sent_bytes=sent,
        removed=_remove_others(folder, now),
        signed=settings.publish_key is not None,
        seconds=time.perf_counter() - started,
    )


def _former(folder: RemoteFolder) -> Published | None:
    """What is published now; what cannot be read is published anew."""
    try:
        return read_published(folder)
    except CorruptDataError:
        return None


def _name(
    settings: Settings, folder: RemoteFolder, state: str, former: Published | None
) -> Published:
    """Make a state the current one."""
    fault_point("publish_before_naming")
    kept = None if former is None else former.former if former.state == state else former.state
    now = Published(state=state, former=kept, published=datetime.now(UTC).isoformat())
    folder.write(NAME, now.signed(settings.publish_key).model_dump_json().encode())
    fault_point("publish_named")
    return now


def _send(
    folder: RemoteFolder, staged: DataPaths, description: Description, former: Published | None
) -> tuple[str, int]:
    """Send the parts that are not there; returns the state, and how many bytes were sent."""
    if former is not None and _is_same(folder, former.state, description):
        return former.state, 0
    encoded = description.encoded()
    state, sent = hashlib.sha256(encoded).hexdigest(), 0
    for member in description.members:
        if folder.size(part(member.sha256)) != member.size_bytes:
            folder.upload(staged.root / member.name, part(member.sha256))
            sent += member.size_bytes
            fault_point("publish_part_sent")
    folder.write(part(state), encoded)
    return state, sent + len(encoded)


def _is_same(folder: RemoteFolder, state: str, description: Description) -> bool:
    """Whether a state that is there, whole, has the same content as that of a description."""
    try:
        known = read_description(folder, state)
    except CorruptDataError:
        return False
    return (known.members, known.schema_version) == (
        description.members,
        description.schema_version,
    ) and all(folder.size(part(each.sha256)) == each.size_bytes for each in known.members)


def _remove_others(folder: RemoteFolder, published: Published) -> int:
    """Delete the parts of older states, and say how many; a follower may still read the last."""
    wanted: set[str] = set()
    for state in filter(None, (published.state, published.former)):
        wanted.add(state)
        try:
            wanted.update(each.sha256 for each in read_description(folder, state).members)
        except CorruptDataError:
            continue  # nobody can follow that
    others = [name for name in folder.names("parts") if name not in wanted]
    for name in others:
        folder.remove(part(name))
    return len(others)
