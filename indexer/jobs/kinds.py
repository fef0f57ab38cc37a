"""What each kind of job does: the same calls as the verbs of the command line make."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from indexer.asked import Queries, evaluation_options, open_queries
from indexer.change.report_json import report_json
from indexer.change.wanted import switch, tune
from indexer.clusters import check_grouping, cluster_collection, write_table
from indexer.colors import find_colors
from indexer.duplicates.finding import find_duplicates
from indexer.duplicates.output import write_groups
from indexer.exchange.exporting import count_selected, export_embeddings
from indexer.feedback.reranking import learn_reranker, reranker_json, undo_learning
from indexer.jobs.checking import run_check
from indexer.jobs.indexing import run_index
from indexer.jobs.parameters import (
    CalibrateJob,
    CheckJob,
    ClusterJob,
    ColorsJob,
    DuplicatesJob,
    EvaluateJob,
    ExportJob,
    IndexJob,
    JobRequest,
    MapJob,
    MislabelledJob,
    OutliersJob,
    RerankJob,
    SnapshotJob,
    SwitchJob,
    TuneJob,
)
from indexer.jobs.queue import REJECTS
from indexer.jobs.sources import opened_files
from indexer.jobs.task import Task
from indexer.overviews.making import make_mislabelled, make_outliers
from indexer.overviews.mapping import make_map
from indexer.report import RejectsFile
from search_engine.catalog.filter_text import read_filter
from search_engine.encoders.registry import EncoderRequest
from search_engine.engine import SearchEngine
from search_engine.errors import StorageError
from search_engine.evaluate.run import run_evaluation
from search_engine.evaluate.run_json import run_json
from search_engine.evaluate.task import Asked
from search_engine.maintenance.snapshot import make_snapshot
from search_engine.vote.calibration.collection import CalibrationRequest, calibrate_collection
from search_engine.vote.calibration.summary import calibration_json

Result = Mapping[str, Any]


def _tune(job: TuneJob, task: Task) -> Result:
    with _opened(task) as engine:
        return report_json(tune(engine, task.collection, job, task.stage))


def _switch(job: SwitchJob, task: Task) -> Result:
    with _opened(task) as engine:
        encoder = EncoderRequest(
            job.encoder or "",
            runtime=engine.settings.runtime,
            cache=engine.catalog.paths.encoders,
            pooling=job.pooling,
        )
        return report_json(switch(engine, task.collection, job, encoder, task.stage))


def _calibrate(job: CalibrateJob, task: Task) -> Result:
    request = CalibrationRequest(job.target, job.per_product, job.balanced, job.group_by, easy=True)
    with _opened(task) as engine:
        items = engine.catalog.count(engine.live(task.collection).record)
        with task.stage("calibrating", min(request.queries, items)) as advance:
            found = calibrate_collection(engine.catalog, task.collection, request, advance)
    return calibration_json(found)


def _rerank(job: RerankJob, task: Task) -> Result:
    with _opened(task) as engine:
        if job.undo:
            return {"current": reranker_json(undo_learning(engine, task.collection))}
        learned = learn_reranker(
            engine, task.collection, force=job.force, dry_run=job.dry_run, stage=task.stage
        )
    return learned.summary()


def _evaluate(job: EvaluateJob, task: Task) -> Result:
    options = evaluation_options(job, task.collection)
    with _opened(task) as engine, opened_files(job.source, task) as path:
        photos = open_queries(path, job.reading())
        asked = None if photos is None else _asked(engine, photos, job.target, task)
        run = run_evaluation(engine, asked, options, task.stage)
        if job.report:
            from search_engine.evaluate.report.page import report_html  # needs an extra

            _write(task.file("report.html"), report_html(run))
    return run_json(run)


def _asked(engine: SearchEngine, photos: Queries, target: str, task: Task) -> Asked:
    """The photos, embedded; those that are refused are kept with the job."""
    with closing(RejectsFile(task.file(REJECTS))) as rejects:
        return photos.ask(engine, task.collection, target, task.stage, rejects.write)


def _cluster(job: ClusterJob, task: Task) -> Result:
    check_grouping(job)
    with _opened(task) as engine, task.stage("clustering", 1) as advance:
        found = cluster_collection(engine, task.collection, job)
        write_table(task.file("clusters.csv"), found)
        advance(1)
    return found.summary()


def _duplicates(job: DuplicatesJob, task: Task) -> Result:
    with _opened(task) as engine:
        found = find_duplicates(engine, task.collection, job.min_score, task.stage)
    write_groups(task.file("duplicates.jsonl"), found)
    return found.summary()


def _colors(job: ColorsJob, task: Task) -> Result:
    with _opened(task) as engine:
        return find_colors(engine, task.collection, task.stage).summary()


def _mislabelled(job: MislabelledJob, task: Task) -> Result:
    with _opened(task) as engine:
        return make_mislabelled(engine, task.collection, job.target, task.stage).summary()


def _outliers(job: OutliersJob, task: Task) -> Result:
    with _opened(task) as engine:
        return make_outliers(engine, task.collection, task.stage).summary()


def _map(job: MapJob, task: Task) -> Result:
    with _opened(task) as engine:
        return make_map(engine, task.collection, task.stage, job.clusters).summary()


def _snapshot(job: SnapshotJob, task: Task) -> Result:
    with task.stage("saving", 1) as advance:
        made = make_snapshot(task.settings, task.file("snapshot.tar"), force=True)
        advance(1)
    return {**made.summary(), "file": made.file.name}


def _export(job: ExportJob, task: Task) -> Result:
    parsed = read_filter(job.filter)
    with _opened(task) as engine:
        warnings = engine.filter_warnings(parsed, collection=task.collection)
        total = count_selected(engine.catalog, task.collection, parsed)
        with task.stage("exporting", total) as advance:
            report = export_embeddings(
                engine.catalog,
                task.collection,
                task.file(f"embeddings.{job.form}"),
                filter=parsed,
                force=True,
                advance=advance,
            )
    return {**report.summary(warnings), "files": [one.name for one in report.files]}


@contextmanager
def _opened(task: Task) -> Iterator[SearchEngine]:
    with SearchEngine(settings=task.settings, create=False) as engine:
        yield engine


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot be written: {error.strerror}", where=str(file)) from error


KINDS: Mapping[type[JobRequest], Callable[[Any, Task], Result]] = {
    IndexJob: run_index,
    TuneJob: _tune,
    SwitchJob: _switch,
    CalibrateJob: _calibrate,
    EvaluateJob: _evaluate,
    ClusterJob: _cluster,
    DuplicatesJob: _duplicates,
    ColorsJob: _colors,
    MislabelledJob: _mislabelled,
    OutliersJob: _outliers,
    MapJob: _map,
    SnapshotJob: _snapshot,
    CheckJob: run_check,
    ExportJob: _export,
    RerankJob: _rerank,
}


def run_kind(job: JobRequest, task: Task) -> Result:
    """Do what a job asks for, and give its result.

    Raises:
        EyedexError: It cannot be done.
    """
    return KINDS[type(job)](job, task)
