"""Run indexing jobs: from a path, or from an upload, which is deleted once all of it is indexed."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from indexer.covered import name_of
from indexer.jobs.parameters import IndexJob, UploadSource
from indexer.jobs.sources import opened_files
from indexer.jobs.task import Task
from indexer.jobs.uploads import staging_of
from indexer.opened_source import index_request, index_result, opened_source
from indexer.report import PruneRefusedError, RunReport
from indexer.run import index_source
from indexer.staging import UPLOAD_SOURCE
from search_engine.storage.paths import DataPaths


def run_index(job: IndexJob, task: Task) -> Mapping[str, Any]:
    """Index the source of a job; its rejected rows are kept with it.

    Raises:
        EyedexError: As for `indexer.run.index_source`.
    """
    with opened_files(job.source, task) as path:
        assert path is not None
        return _index(job, task, path)


def _index(job: IndexJob, task: Task, path: Path) -> Mapping[str, Any]:
    report, unpacked = RunReport(), None
    if isinstance(job.source, UploadSource):
        unpacked = staging_of(task.settings).unpacked(job.source.upload)
    task.running.counts(lambda: (report.counts(), dict(report.reasons)))
    is_upload = isinstance(job.source, UploadSource)
    source = UPLOAD_SOURCE if is_upload else name_of(path, None)
    request = index_request(  # what was uploaded goes away, so its pictures are kept
        job, task.collection, source, job.reading(), keep_pictures=is_upload
    )
    with opened_source(path, request, task.settings, unpacked) as opened:
        rejects = DataPaths(task.settings.data).rejects(task.collection)
        try:
            with (
                task.running.keeping(rejects, opened.source.path),
                task.stage("indexing", len(opened.source)) as advance,
            ):
                index_source(opened.source, opened.request, task.settings, advance, report=report)
        except PruneRefusedError as error:
            if error.report is not None:
                task.running.result = index_result(opened, error.report)
            raise
        result = index_result(opened, report)
    if isinstance(job.source, UploadSource) and not job.dry_run and not report.rejected:
        task.running.afterwards.append(
            partial(staging_of(task.settings).delete, task.collection, job.source.upload)
        )
    return result
