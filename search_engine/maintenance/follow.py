"""Follow what is published elsewhere: pull it, verify it, and keep the last good state.

    published.json       what was pulled last, as it was published; written when all of it is here
    states/<state>/      that as a data directory of its own, and the one before while it is open
    lock                 held as long as a server follows into this folder

Every file is compared with its SHA-256 before anything opens it. Files of indexes are taken only
from who signs with the shared key: they can do harm when they are read, and whoever may write to
the store could have made them. Without a key indexes are built here, from the verified catalog.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from search_engine.catalog.store import Catalog
from search_engine.collections.live import QUICK_ELEMENTS, LiveCollection, compact_collection
from search_engine.config import Settings
from search_engine.errors import CorruptDataError, NotFoundError, ParameterError
from search_engine.indexes.registry import is_on_server
from search_engine.maintenance.published import (
    NAME,
    Published,
    parsed,
    read_description,
    read_published,
)
from search_engine.maintenance.published import part as part_of
from search_engine.maintenance.restore import check_schema
from search_engine.maintenance.staging import check_space, workshop
from search_engine.processes import run_apart
from search_engine.storage.archive import DESCRIPTION, Description, Member
from search_engine.storage.durable import (
    replace_synced,
    sha256_file,
    storage_error,
    sync_directory,
    write_synced,
)
from search_engine.storage.faults import fault_point
from search_engine.storage.locks import exclusive
from search_engine.storage.paths import DataPaths
from search_engine.storage.remote_folder import RemoteFolder

NAMED = 16
"""Characters of a state's hash that its folder has."""


@dataclass(frozen=True, slots=True)
class State:
    """What was pulled: a data directory, and when it was the state of its origin."""

    data: Path
    published: Published


class Follower:
    """Keeps the newest published state in a folder. For one thread at a time."""

    def __init__(self, settings: Settings) -> None:
        """Take the address to follow and the folder to pull into from the settings.

        Raises:
            ParameterError: The address is none, or something else is in the folder.
            MissingExtraError: What opens such addresses is not installed.
        """
        self._settings = settings
        self._source = RemoteFolder(settings.follow or "")
        self._root = settings.data.absolute()
        if DataPaths(self._root).has_catalog:
            raise ParameterError(
                "there is a catalog here, which a server that follows would not show",
                where=str(self._root),
                fix="name another --data for what is pulled",
            )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from following into the same folder, for the block.

        Raises:
            LockHeldError: Another process does.
        """
        with exclusive(self._root / "lock", 0.0, "following into this folder"):
            yield

    def known(self) -> State | None:
        """The state that was pulled last; None before the first."""
        try:
            raw = (self._root / NAME).read_bytes()
        except FileNotFoundError:
            return None
        found = parsed(raw, str(self._root / NAME))
        data = self._place(found)
        return State(data, found) if data.is_dir() else None

    def ready(self) -> State:
        """The state that was pulled last, or the first one, pulled now.

        Raises:
            NotFoundError: Nothing is published yet.
            StorageError: As `pull`.
        """
        found = self.known() or self.pull()
        if found is None:
            raise NotFoundError(
                f"nothing is published at {self._source.url}",
                fix="run `eyedex publish` where the catalog is",
            )
        return found

    def pull(self) -> State | None:
        """Bring a state here that was published since the last one; None where none was.

        Raises:
            CorruptDataError: Something is damaged, missing, not signed, or older than what is here.
            NewerFormatError: A newer version published it.
            StorageError: The store cannot be reached, or nothing can be written here.
        """
        known, published = self.known(), read_published(self._source)
        if published is None:
            return None
        self._check(published, known)
        if known is not None and published == known.published:
            return None
        description = read_description(self._source, published.state)
        check_schema(description, self._source.url)
        try:
            if not self._place(published).is_dir():
                self._bring(published, description, known)
            replace_synced(self._root / NAME, published.model_dump_json().encode())
        except OSError as error:
            raise storage_error(error, "pulling what was published", self._root) from error
        fault_point("follow_named")
        return State(self._place(published), published)

    def forget_others(self, states: tuple[State, ...]) -> None:
        """Delete all states but these."""
        kept = {each.data for each in states}
        for folder in self._root.glob("states/*"):
            if folder not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _check(self, published: Published, known: State | None) -> None:
        key = self._settings.publish_key
        where = f"{self._source.url}/{NAME}"
        if key is not None and not published.is_signed(key):
            raise CorruptDataError(
                "what is published is not signed by the key of this server",
                where=where,
                fix="give the same EYEDEX_PUBLISH_KEY to `eyedex publish` and to followers",
            )
        if known is not None and published.time < known.published.time:
            raise CorruptDataError(
                f"what is published is of {published.published}, and older than what is here",
                where=where,
                fix="publish again",
            )

    def _place(self, published: Published) -> Path:
        return self._root / "states" / published.state[:NAMED]

    def _bring(self, published: Published, description: Description, known: State | None) -> None:
        """Make the data directory of a state, complete, by one rename."""
        check_space(self._root, description.unpacked_bytes())
        with workshop(self._root / "pulling", "pulling here") as aside:
            data = aside / "data"
            data.mkdir(mode=0o700)
            signed = self._settings.publish_key is not None
            if known is not None:
                _carry_over(known.data, data, whole=not signed)
            for member in description.members:
                if signed or "/gen-" not in member.name:
                    self._bring_member(member, data, known)
                    fault_point("follow_part_pulled")
            _finish(self._settings.model_copy(update={"data": data, "database_url": None}))
            write_synced(data / DESCRIPTION, description.encoded())
            for path, _, _ in os.walk(data):
                sync_directory(Path(path))
            place = self._place(published)
            place.parent.mkdir(mode=0o700, exist_ok=True)
            fault_point("follow_before_rename")
            os.rename(data, place)
            sync_directory(place.parent)

    def _bring_member(self, member: Member, data: Path, known: State | None) -> None:
        """Copy a file from the state before, or from where it is published, and compare its hash.

        Raises:
            CorruptDataError: It is not what it is announced to be.
        """
        target = data / member.name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if known is not None and _is_linked(known.data / member.name, target, member):
            return
        name = part_of(member.sha256)
        digest = self._source.download(name, target, member.size_bytes)
        if digest != member.sha256 or target.stat().st_size != member.size_bytes:
            raise CorruptDataError(
                f"{member.name} does not match its checksum",
                where=f"{self._source.url}/{name}",
                fix="publish again",
            )
        with target.open("rb") as file:
            os.fsync(file.fileno())


def _is_linked(source: Path, target: Path, member: Member) -> bool:
    """Whether a file that is here already is that one, and has a second name now."""
    try:
        if source.stat().st_size != member.size_bytes or sha256_file(source) != member.sha256:
            return False
        os.link(source, target)
    except OSError:
        return False
    return True


def _carry_over(known: Path, data: Path, whole: bool) -> None:
    """Give indexes that were built here a second name in the next state, as a beginning.

    That is those of patches, which nobody publishes, and all of them with `whole`.
    """
    for folder in known.glob("indexes/*/"):
        source = folder if whole else folder / "patches"
        if source.is_dir():
            shutil.copytree(
                source,
                data / source.relative_to(known),
                ignore=shutil.ignore_patterns("calibration-*", ".*"),
                copy_function=os.link,
            )


def _finish(settings: Settings) -> None:
    """Build the indexes that are not here, and bring the catalog up to date, which looks into it.

    An index on a server is one's own here: that of the origin goes when it makes the next.

    Raises:
        StorageError: The catalog cannot be opened.
    """
    paths = settings.paths
    with Catalog(paths, settings.lock_wait_s, create=False) as catalog:
        for collection in catalog.collections():
            if is_on_server(collection.index_factory):
                shutil.rmtree(paths.index(collection.name), ignore_errors=True)
                with catalog.write() as writer:
                    writer.set_index_factory(collection.id, None)
            if catalog.count(collection) * (collection.dimension or 0) <= QUICK_ELEMENTS:
                LiveCollection(catalog, catalog.collection(collection.name), settings).compact()
            else:
                run_apart(compact_collection, settings, collection.name)
    for copy in settings.data.glob(f"{paths.catalog.name}.before-*"):
        copy.unlink()  # the origin has it
