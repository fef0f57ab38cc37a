"""`index_source`: a whole indexing run on this machine."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from indexer.change.automatic import (
    LEAST_LABELLED,
    Note,
    is_due,
    learn_from_labels,
    write_note,
)
from indexer.change.tune import LAYERS_UP_TO
from indexer.covered import Covered, covered, name_of
from indexer.executors.choice import Cluster, executor_for, joined_cluster
from indexer.executors.recipe import MadeEncoder
from indexer.patches import declare_patches, embed_patches
from indexer.pipeline import remove_gone, run_pipeline
from indexer.remembered import remember
from indexer.report import ListedRejects, PruneRefusedError, RejectsFile, RunReport
from indexer.run_context import OnProgress, Run
from indexer.run_encoder import make_encoder
from indexer.sources import AS_FOUND, Source, SourceOptions
from search_engine.catalog.collection_rows import Collection, check_collection_name
from search_engine.config import Settings
from search_engine.encoders.base import Encoder
from search_engine.encoders.layered import LayeredEncoder
from search_engine.encoders.registry import (
    EncoderRequest,
    can_have_layers,
)
from search_engine.engine import SearchEngine
from search_engine.errors import LockHeldError, NotFoundError
from search_engine.images.decode_pool import DecodePool
from search_engine.indexes.generations import discard_newer
from search_engine.indexes.registry import backend_of
from search_engine.indexes.spec import AUTOMATIC
from search_engine.vote.calibration.collection import refresh_label

OnEncoder = Callable[[Encoder], None]
Rejects = RejectsFile | ListedRejects
LOCK_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """How to index; `encoder` None means the collection's own, else the default.

    `index_factory` is a FAISS factory string that the collection's index is made by from now on,
    or AUTOMATIC for Eyedex's choice; None leaves it as it is.

    `source` names what items come from, instead of its path; `reading` is how it was opened, to be
    kept for the next time. `replace` makes the source the whole
    truth of each item; else it changes only what it names. `prune` removes the items that it gave
    before and no longer has, but more than a fifth of them only with `prune_many`. With
    `max_errors` the run stops when more rows than that were rejected. `temporary` says that the
    pictures lie elsewhere than in a real run, as those of an archive in a dry run do. With
    `keep_pictures` the catalog keeps the pictures of items itself, as the source's files will go.

    With `tune` a collection that is new learns from its labels at the end, as soon as it has enough
    of them, and again when many have changed.

    With `executor` "ray" pictures are embedded on the cluster of the settings, by at most
    `ray_actors` actors; patches and what is learned stay here.

    `patches` crops of each picture are embedded beside the whole from now on, none if 0; None
    leaves it as it is.
    """

    collection: str = "default"
    encoder: str | None = None
    weights: Path | None = None
    pooling: str | None = None
    index_factory: str | None = None
    download: bool = False
    source: str | None = None
    reading: SourceOptions = AS_FOUND
    replace: bool = False
    prune: bool = False
    prune_many: bool = False
    max_errors: int | None = None
    temporary: bool = False
    keep_pictures: bool = False
    dry_run: bool = False
    tune: bool = False
    patches: int | None = None
    executor: str = "local"
    ray_actors: int | None = None


def index_source(
    source: Source,
    request: IndexRequest,
    settings: Settings,
    on_progress: OnProgress = lambda count: None,
    on_encoder: OnEncoder = lambda encoder: None,
    report: RunReport | None = None,
) -> RunReport:
    """Bring a collection to the state of a source and publish its index.

    Only what changed is decoded and encoded. Every batch is durable when it is committed; after an
    interruption the same call goes on where it stopped. `report` is filled in meanwhile. At the end
    the vote on `label` is calibrated, if there are labels to learn from, enough has changed and it
    takes some seconds.

    Raises:
        PruneRefusedError: `prune` would remove more than it may, so nothing was removed; all else
            was done, unless that was clear from the beginning.
        LockHeldError: Another run is indexing this collection.
        ModelMismatchError: The collection belongs to another encoder.
        StorageError: The data directory cannot be written.
    """
    started = time.perf_counter()
    check_collection_name(request.collection)
    report = report or RunReport()
    report.dry_run = request.dry_run
    with opened_to_change(settings, request.collection, request.dry_run) as engine:
        encoder, refused = _take_in(engine, source, request, report, on_progress, on_encoder)
        is_learning = request.tune and not request.dry_run and _is_due(engine, request)
        if not is_learning:
            publish(engine, request.collection, report)
    if is_learning:
        _learn(settings, request.collection, encoder, report)
    report.seconds = time.perf_counter() - started
    if refused is not None:
        refused.report = report
        raise refused
    return report


@contextmanager
def opened_to_change(settings: Settings, collection: str, dry_run: bool) -> Iterator[SearchEngine]:
    """The engine, for the only run that changes a collection.

    A dry run writes nothing: where there is no collection yet it is given an empty one elsewhere.
    """
    if not dry_run:
        with SearchEngine(settings=settings) as engine, engine.catalog.indexing(collection):
            yield engine
        return
    with ExitStack() as stack:
        try:
            engine = stack.enter_context(SearchEngine(settings=settings, create=False))
            engine.catalog.collection(collection)
        except NotFoundError:
            empty = stack.enter_context(TemporaryDirectory(prefix="eyedex-"))
            elsewhere = settings.model_copy(update={"data": Path(empty), "read_only": False})
            engine = stack.enter_context(SearchEngine(settings=elsewhere))
            engine.create_collection(collection)
        yield engine


def listed_rejects(engine: SearchEngine, collection: str, report: RunReport) -> Rejects:
    """Where a run names the rows that it refuses: in a file, or in the report of a dry run."""
    if report.dry_run:
        return ListedRejects(report.refused)
    return RejectsFile(engine.catalog.paths.rejects(collection))


def publish(engine: SearchEngine, collection: str, report: RunReport) -> None:
    """Bring index and calibration to what was committed; for a caller with the run lock."""
    live = engine.live(collection)
    if not report.dry_run:
        with report.stage("publish"):
            live.compact_locked()
        if live.patches is not None:
            with report.stage("patches"):
                report.patches = embed_patches(engine, collection)
        seconds = refresh_label(engine.catalog, collection)
        if seconds is not None:
            report.stages["calibrate"] = seconds
    snapshot = live.snapshot()
    report.generation = snapshot.generation if snapshot else None


def _is_due(engine: SearchEngine, request: IndexRequest) -> bool:
    record = engine.catalog.collection(request.collection)
    return engine.settings.runtime != "openvino-int8" and is_due(engine.catalog, record)


def _learn(settings: Settings, collection: str, encoder: Encoder, report: RunReport) -> None:
    """Learn from the labels, and publish what was taken in by the encoder that is used then."""
    layered = encoder if isinstance(encoder, LayeredEncoder) else None
    with SearchEngine(settings=settings) as engine:
        with report.stage("learn"), suppress(LockHeldError):  # the next run learns then
            report.learned = learn_from_labels(engine, collection, layered)
        with engine.catalog.indexing(collection, wait_s=LOCK_WAIT_S):
            publish(engine, collection, report)


def _take_in(
    engine: SearchEngine,
    source: Source,
    request: IndexRequest,
    report: RunReport,
    on_progress: OnProgress,
    on_encoder: OnEncoder,
) -> tuple[Encoder, PruneRefusedError | None]:
    """Bring the catalog to the state of the source; what that needs is given back afterwards."""
    settings = engine.settings
    collection = open_collection(engine, request.collection, request.dry_run)
    name = name_of(source.path, request.source)
    with report.stage("plan"):
        before = covered(engine.catalog, collection, source, name)
    if request.prune:
        _check_prune(source, before, request)
    with _helpers(request, settings, report) as (cluster, decoder):
        made = _encoder_for(engine, collection, source, request, report)
        on_encoder(made.encoder)
        executor = executor_for(cluster, made, decoder, settings, collection.uid, report)
        with closing(listed_rejects(engine, request.collection, report)) as rejects:
            run = Run(
                catalog=engine.catalog,
                collection=collection,
                encoder=made.encoder,
                encoder_options=made.options,
                decoder=decoder,
                executor=executor,
                report=report,
                on_progress=on_progress,
                on_reject=rejects.write,
                max_bytes=settings.catalog_max_bytes,
                source=name,
                covered=before,
                replace=request.replace,
                max_errors=request.max_errors,
                temporary=request.temporary,
                keep_pictures=request.keep_pictures,
                dry_run=request.dry_run,
            )
            _note_learning(run, request, settings)
            refused = _bring_up(run, source, request)
    return made.encoder, refused


@contextmanager
def _helpers(
    request: IndexRequest, settings: Settings, report: RunReport
) -> Iterator[tuple[Cluster | None, DecodePool]]:
    """The cluster, if one is asked for, and the processes that decode, warm where they are needed.

    How long the latter were at work is noted also where the run breaks off.
    """
    with (
        joined_cluster(request.executor, request.ray_actors, settings, request.dry_run) as cluster,
        DecodePool(settings.catalog_limits(), settings.workers) as decoder,
    ):
        if cluster is None:
            decoder.warm_up()
        try:
            yield cluster, decoder
        finally:
            report.stages["decode"] = report.stages.get("decode", 0.0) + decoder.busy_seconds


def _encoder_for(
    engine: SearchEngine,
    collection: Collection,
    source: Source,
    request: IndexRequest,
    report: RunReport,
) -> MadeEncoder:
    """The encoder of a run; what else the owner wants of the collection is kept with it."""
    with report.stage("start"):
        made = make_encoder(_asked(request), collection, engine, _is_to_learn(request, source))
    if not request.dry_run:
        _declare(engine, collection, request, made.encoder.spec.dimension)
    report.encoder, report.runtime = made.encoder.spec.name, made.encoder.runtime
    return made


def _bring_up(run: Run, source: Source, request: IndexRequest) -> PruneRefusedError | None:
    """Embed what is new, remove what is gone, and remember how the source was read."""
    run_pipeline(run, source)
    refused = _remove_gone(run, request)
    if not run.dry_run:
        remember(run.catalog, run.collection, run.source, source, request.reading)
    return refused


def _is_to_learn(request: IndexRequest, source: Source) -> bool:
    """Whether a collection may learn from what a source gives, and the source from its looks."""
    if not request.tune or not LEAST_LABELLED <= len(source) <= LAYERS_UP_TO:
        return False
    return "label" in source.mapping or any("/" in item_id for item_id in source.ids())


def _note_learning(run: Run, request: IndexRequest, settings: Settings) -> None:
    """Note that a new collection learns from its labels once it has enough."""
    plain = EncoderRequest(run.encoder.spec.name, runtime=settings.runtime)
    wanted = plain.with_options(run.encoder_options)
    is_new = run.collection.fingerprint is None
    if is_new and request.tune and not run.dry_run and can_have_layers(wanted):
        fingerprint = run.encoder.spec.fingerprint
        note = Note(collection_uid=run.collection.uid, fingerprint=fingerprint)
        write_note(run.catalog, run.collection, note)


def _asked(request: IndexRequest) -> EncoderRequest:
    return EncoderRequest(
        request.encoder or "",
        weights=request.weights,
        pooling=request.pooling,
        download=request.download,
        keep=not request.dry_run,
    )


def _declare(
    engine: SearchEngine, collection: Collection, request: IndexRequest, dimension: int
) -> None:
    """Keep the kind of index and the patches that the owner wants, if they can be."""
    if request.index_factory is not None:
        _name_index(engine, collection, request.index_factory, dimension)
    if request.patches is not None:
        declare_patches(engine, collection, request.patches)


def _name_index(engine: SearchEngine, collection: Collection, factory: str, dimension: int) -> None:
    named = None if factory == AUTOMATIC else factory
    if named is not None:
        backend_of(named).check(named, dimension)
    with engine.catalog.write() as writer:
        writer.set_index_factory(collection.id, named)


def open_collection(engine: SearchEngine, name: str, dry_run: bool) -> Collection:
    """The collection, made if it is missing, without index files of another catalog's history.

    In a dry run it is there, and its files stay.
    """
    if dry_run:
        return engine.catalog.collection(name)
    if name not in {collection.name for collection in engine.catalog.collections()}:
        engine.create_collection(name)
    for folder_of in (engine.catalog.paths.index, engine.catalog.paths.patches):
        discard_newer(folder_of(name), engine.catalog.seq())
    return engine.catalog.collection(name)


def _check_prune(source: Source, before: Covered, request: IndexRequest) -> None:
    """Refuse at once what would surely remove too much, as an empty or a wrong folder does.

    Raises:
        PruneRefusedError: It is refused.
    """
    if request.prune_many:
        return
    if not len(source) and before.items:
        raise PruneRefusedError(
            f"there is nothing in it, and {before.items:,} items came from it: "
            "none of them was removed",
            where=source.description,
            fix="look whether it is the right one; --yes removes them",
        )
    refused = before.too_many(len(before.gone) - before.new)
    if refused is not None:
        raise refused


def _remove_gone(run: Run, request: IndexRequest) -> PruneRefusedError | None:
    """Remove what is gone, if that is wanted and not too much; else count it."""
    gone, refused = run.covered.gone, None
    if request.prune and not request.prune_many:
        refused = run.covered.too_many(len(gone))
    if request.prune and refused is None:
        remove_gone(run)
    else:
        run.report.gone = len(gone)
    if request.prune:
        run.report.others = run.covered.others(run.catalog, run.collection)
    return refused
