"""What `eyedex index` does with its flags: one run, or one after each change of the source."""

import logging
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from api.cli.catalog.column_report import print_columns
from api.cli.catalog.run_report import print_indexed
from api.cli.exits import report_error
from api.cli.recording import recorded
from api.cli.terminal.output import print_json
from api.cli.terminal.progress import resumable
from indexer.jobs.running import Running
from indexer.opened_source import OpenedSource, index_result, opened_source
from indexer.report import PruneRefusedError, RunReport
from indexer.run import IndexRequest, index_source
from search_engine.config import Settings
from search_engine.encoders.base import Encoder
from search_engine.errors import EyedexError, MissingExtraError
from search_engine.storage.paths import DataPaths

WATCHED_MS = 500
"""How long the first run waits until changes are watched, in milliseconds."""


@dataclass(frozen=True, slots=True)
class IndexingRun:
    """A source, how it is read, and what is done with it."""

    path: Path
    request: IndexRequest
    settings: Settings
    as_json: bool

    def once(self) -> RunReport:
        """Index the source as it is now, and say what was done.

        Raises:
            PruneRefusedError: After what was done was said.
        """
        refused = None
        with opened_source(self.path, self.request, self.settings) as opened:
            source = opened.source
            for sentence in opened.notes:
                print(f"note: {sentence}", file=sys.stderr)
            if not self.as_json:
                print_columns(source, whole=opened.is_told)
            try:
                report = self._run(opened)
            except PruneRefusedError as error:
                if error.report is None:
                    raise
                refused, report = error, error.report
        if self.as_json:
            print_json(index_result(opened, report))
        else:
            rejects = DataPaths(self.settings.data).rejects(self.request.collection)
            print_indexed(report, rejects)
        if not len(source):
            why = "".join(f"; {sentence}" for sentence in source.notes)
            print(f"note: there is nothing to index in {source.description}{why}", file=sys.stderr)
        if refused is not None:
            raise refused
        return report

    def _run(self, opened: OpenedSource) -> RunReport:
        request, paths = opened.request, DataPaths(self.settings.data)
        report = RunReport()
        with self._recorded(request) as running:
            running.counts(lambda: (report.counts(), dict(report.reasons)))
            with (
                running.keeping(paths.rejects(request.collection), opened.source.path),
                resumable("indexing", len(opened.source), running.stage) as advance,
            ):
                index_source(opened.source, request, self.settings, advance, _say_encoder, report)
            running.result = index_result(opened, report)
        return report

    def _recorded(self, request: IndexRequest) -> AbstractContextManager[Running]:
        """Among the jobs, but for a dry run."""
        return recorded(
            self.settings,
            request.collection,
            "index",
            dry_run=request.dry_run,
            create=True,
            source=self.path.name,
            encoder=request.encoder,
            prune=request.prune,
            replace=request.replace,
        )

    def watch(self) -> None:
        """Index again after each change of the source, until the process is told to end."""
        try:
            from watchfiles import watch

            from api.cli.catalog.watching import SourceChanges
        except ImportError:
            raise MissingExtraError(
                "watching needs a package that is not installed",
                where="--watch",
                fix="pip install 'eyedex[watch]', or run eyedex index again when something changed",
            ) from None
        logging.getLogger("watchfiles").setLevel(logging.ERROR)  # it warns of a plain Ctrl-C
        folder = self.path if self.path.is_dir() else self.path.parent
        changes = watch(
            folder,
            watch_filter=SourceChanges(self.path, self.settings.data),
            raise_interrupt=False,
            yield_on_timeout=True,
            rust_timeout=WATCHED_MS,
        )
        next(changes)  # watching begins before the first run, so that no change during it is missed
        self._again()
        print(f"watching {folder}; Ctrl-C ends it", file=sys.stderr, flush=True)
        for changed in changes:
            if changed and self.path.exists():
                self._again()

    def _again(self) -> None:
        """One run; what a half-written source causes is said, and the next change tries again."""
        try:
            self.once()
        except EyedexError as error:
            report_error(error, self.as_json)
        sys.stdout.flush()


def _say_encoder(encoder: Encoder) -> None:
    spec = encoder.spec
    print(
        f"encoder {spec.name} ({spec.dimension}-d, {spec.fingerprint[:12]}), {encoder.runtime}",
        file=sys.stderr,
    )
