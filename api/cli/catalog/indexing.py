"""What `eyedex index` does with its flags: one run, or one after each change of the source."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from api.cli.catalog.column_report import columns_as_json, print_columns, sentences
from api.cli.catalog.run_report import print_indexed
from api.cli.exits import report_error
from api.cli.terminal.output import print_json
from api.cli.terminal.progress import resumable
from indexer.covered import name_of
from indexer.pipeline import OnProgress
from indexer.remembered import recalled, said_before
from indexer.report import PruneRefusedError, RunReport
from indexer.run import IndexRequest, index_source
from indexer.sources import Source, SourceOptions, open_source
from indexer.sources.archives import is_archive, unpack
from indexer.sources.fetching import pictures_of
from search_engine.config import Settings
from search_engine.encoders.base import Encoder
from search_engine.errors import EyedexError, MissingExtraError
from search_engine.storage.paths import DataPaths


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
        reading, is_known = self._reading()
        request = replace(self.request, reading=reading, temporary=self._is_temporary())
        refused = None
        with self._opened(reading) as (source, about_archive):
            is_told = request.dry_run or not is_known
            for sentence in (*said_before(reading, self.request.reading), *about_archive):
                print(f"note: {sentence}", file=sys.stderr)
            if not self.as_json:
                print_columns(source, whole=is_told)
            with resumable("indexing", len(source)) as advance:
                try:
                    report = self._run(source, request, advance)
                except PruneRefusedError as error:
                    if error.report is None:
                        raise
                    refused, report = error, error.report
        if self.as_json:
            columns = {"columns": columns_as_json(source)} if is_told else {}
            print_json({**report.summary(), "notes": sentences(source), **columns})
        else:
            rejects = DataPaths(self.settings.data).rejects(self.request.collection)
            print_indexed(report, rejects)
        if not len(source):
            why = "".join(f"; {sentence}" for sentence in source.notes)
            print(f"note: there is nothing to index in {source.description}{why}", file=sys.stderr)
        if refused is not None:
            raise refused
        return report

    def _run(self, source: Source, request: IndexRequest, advance: OnProgress) -> RunReport:
        if not request.dry_run and not DataPaths(self.settings.data).encoders.exists():
            print("preparing the encoder; the first time takes some seconds", file=sys.stderr)
        return index_source(source, request, self.settings, advance, _say_encoder)

    def watch(self) -> None:
        """Index again after each change of the source, until the process is told to end."""
        try:
            from watchfiles import watch
        except ImportError:
            raise MissingExtraError(
                "watching needs a package that is not installed",
                where="--watch",
                fix="pip install 'eyedex[watch]', or run eyedex index again when something changed",
            ) from None
        self._again()
        folder = self.path if self.path.is_dir() else self.path.parent
        print(f"watching {folder}; Ctrl-C ends it", file=sys.stderr, flush=True)
        for _ in watch(folder, raise_interrupt=False):
            if self.path.exists():
                self._again()

    def _again(self) -> None:
        """One run; what a half-written source causes is said, and the next change tries again."""
        try:
            self.once()
        except EyedexError as error:
            report_error(error, self.as_json)
        sys.stdout.flush()

    def _is_temporary(self) -> bool:
        """Whether pictures are taken out of the source to a place that is gone after the run."""
        holds_pictures = is_archive(self.path) or self.path.suffix.lower() == ".parquet"
        return self.request.dry_run and holds_pictures

    def _reading(self) -> tuple[SourceOptions, bool]:
        """How the source is read, as is said now or was said before; whether it was read before."""
        collection, name = self.request.collection, name_of(self.path, self.request.source)
        said = replace(self.request.reading, addresses=bool(self.settings.allow_urls))
        return recalled(self.settings, collection, name, said)

    @contextmanager
    def _opened(self, reading: SourceOptions) -> Iterator[tuple[Source, Sequence[str]]]:
        """The source, and what was left out of its archive; pictures at addresses are fetched.

        What is unpacked stays below the data directory, but for a dry run, which writes nothing
        there.
        """
        path, notes = self.path, tuple[str, ...]()
        with ExitStack() as stack:
            folder = DataPaths(self.settings.data).unpacked(name_of(path, self.request.source))
            if self.request.dry_run:
                folder = Path(stack.enter_context(TemporaryDirectory(prefix="eyedex-")))
            if is_archive(path):
                unpacked = unpack(path, folder)
                path, notes = unpacked.path, unpacked.notes
            source = open_source(path, replace(reading, inside=folder))
            fetched = pictures_of(source, self.settings, fetch=not self.request.dry_run)
            yield stack.enter_context(fetched), notes


def _say_encoder(encoder: Encoder) -> None:
    spec = encoder.spec
    print(
        f"encoder {spec.name} ({spec.dimension}-d, {spec.fingerprint[:12]}), {encoder.runtime}",
        file=sys.stderr,
    )
