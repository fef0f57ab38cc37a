"""A folder of pictures as a source."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from indexer.sources.base import ColumnReport, Reject, SourceRow, confined, printable, usable
from indexer.sources.folder_listing import FolderListing
from indexer.sources.options import AS_FOUND, SourceOptions
from search_engine.errors import RowError
from search_engine.names import check_item_id, check_label, normal


class FolderSource:
    """Every picture below a folder: `item_id` is the relative path, `label` the sub-folder path.

    Pictures are recognised by their suffix, or by their content if they have another or none.
    Hidden files, other files, and links to folders are skipped and counted in the notes. Links to
    folders, or out of the folder, are followed on request only.
    """

    def __init__(self, root: Path, options: SourceOptions = AS_FOUND) -> None:
        self.path = self._root = root
        self._follow_links = options.follow_links
        listing = FolderListing(root, options)
        self._files = listing.pictures
        self.description = f"folder {root}"
        self.notes = tuple(listing.passed_over.notes())
        self.columns: tuple[ColumnReport, ...] = ()
        self.mapping: Mapping[str, str] = {}
        self.types: Mapping[str, str] = {}
        self.misdeclared: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self._files)

    def rows(self) -> Iterator[SourceRow | Reject]:
        """See Source."""
        root = self._root.resolve()
        for line, relative in enumerate(self._files, 1):
            try:
                yield self._row(line, relative, root)
            except RowError as error:
                yield Reject(line, printable(relative), error.code, error.what)

    def ids(self) -> Iterator[str]:
        """See Source."""
        return map(normal, self._files)

    def _row(self, line: int, relative: str, root: Path) -> SourceRow:
        item_id = usable("bad_id", check_item_id, relative)
        label = usable("bad_value", check_label, relative.rpartition("/")[0])
        description = {} if label is None else {"label": label}
        picture = confined(root, f"./{relative}", may_lead_out=self._follow_links)
        return SourceRow(line, item_id, picture, description)
