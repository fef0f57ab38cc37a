"""What the stages of a run share: its parts, how it should be done, and its refused rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from indexer.covered import Covered
from indexer.executors.base import Executor
from indexer.plan import HashedRow
from indexer.report import RunReport
from indexer.sources import Reject
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.encoders.base import Encoder
from search_engine.errors import SourceError
from search_engine.images.decoder import Decoder

OnProgress = Callable[[int], None]
OnReject = Callable[[Reject], None]


@dataclass(slots=True)
class Run:
    """The parts of a run and how it should be done."""

    catalog: Catalog
    collection: Collection
    encoder: Encoder
    encoder_options: dict[str, Any]
    decoder: Decoder
    executor: Executor
    report: RunReport
    on_progress: OnProgress
    on_reject: OnReject
    max_bytes: int
    source: str
    covered: Covered
    replace: bool = False
    temporary: bool = False
    keep_pictures: bool = False
    dry_run: bool = False
    max_errors: int | None = None
    unsearchable: frozenset[int] = frozenset()
    unhashed: frozenset[int] = frozenset()
    pictures: set[int] = field(default_factory=set)

    def reject(self, reject: Reject) -> None:
        """Tell of a refused row, and count it.

        Raises:
            SourceError: There are more of them than the owner lets pass.
        """
        self.on_reject(reject)
        self.on_progress(1)
        self.report.reject(reject.code)
        if self.max_errors is not None and self.report.rejected > self.max_errors:
            reasons = ", ".join(f"{count:,} {name}" for name, count in self.report.reasons.items())
            raise SourceError(
                f"stopped, as more than {self.max_errors:,} rows were rejected ({reasons}); "
                "what was committed before stays",
                where="--max-errors",
                fix="mend the source, or let more pass",
            )

    def take_back(self, hashed: HashedRow, code: str, what: str) -> None:
        """Refuse a row that was counted as added or updated, and cannot be encoded after all."""
        if self.catalog.get_many(self.collection, [hashed.row.item_id]):
            self.report.updated -= 1
        else:
            self.report.added -= 1
        self.reject(Reject(hashed.row.line, hashed.row.item_id, code, what))
