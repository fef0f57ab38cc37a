"""Figures of a server for Prometheus at `/metrics`: requests, stages of questions, and its state.

Only with `eyedex serve --metrics`; once there are keys, one of scope `read` for all collections is
needed. Names follow the conventions of Prometheus: base units, `_total` for what only grows.
"""

import logging
import shutil
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import version

from fastapi import FastAPI, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.following import Following
from api.security.access import grant_of, require_all_collections
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.job_rows import count_by_state
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError
from search_engine.indexes.live import describe_snapshot
from search_engine.vote.calibration.store import calibrated_targets, load_calibration

log = logging.getLogger(__name__)

OPERATION = "metrics"
OTHER = "other"
"""The operation of requests that reached none: files of the page, refusals, unknown addresses."""
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets of times."""


class Metrics:
    """What a server counts while it runs."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Info("eyedex", "The program.", registry=registry).info({"version": version("eyedex")})
        self._requests = Counter(
            "eyedex_requests",
            "Answers, by operation of the API and HTTP status.",
            ("operation", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "eyedex_request_seconds",
            "From the head of a request to the head of its answer, refusals included.",
            ("operation",),
            buckets=SECONDS,
            registry=registry,
        )
        self._stages = Histogram(
            "eyedex_query_stage_seconds",
            "Stages of answering one question.",
            ("stage",),
            buckets=SECONDS,
            registry=registry,
        )

    def note_answer(self, operation: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(operation, str(status)).inc()
        self._seconds.labels(operation).observe(seconds)

    def note_stages(self, timings_ms: Mapping[str, float]) -> None:
        """Count the stages of a question, in milliseconds."""
        for stage, ms in timings_ms.items():
            self._stages.labels(stage).observe(ms / 1000)


class MetricsMiddleware:
    """Counts every answer, also those that are refused by their head."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request (the ASGI interface)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        known = scope.setdefault("state", {})  # of the request; `authorize` adds its operation

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                seconds = time.perf_counter() - began
                operation = known.get("operation", OTHER)
                self._metrics.note_answer(operation, message["status"], seconds)
            await send(message)

        scope["note_stages"] = self._metrics.note_stages
        await self._app(scope, receive, send_counted)


class _State(Collector):
    """The state of a server at the time it is asked."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def describe(self) -> list[Metric]:
        """Nothing: the registry need not ask before there is an engine."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Gauges of collections, jobs, questions, decoding processes and the disk."""
        state = self._app.state
        engine: SearchEngine = state.engine
        admission, decoder = state.admission, state.decoder
        yield _gauge(
            "eyedex_questions_waiting", "Questions let in, not answered.", admission.inside
        )
        yield _count("eyedex_questions_refused", "Refused, as too many wait.", admission.refused)
        yield _gauge("eyedex_decoders", "Decoding processes.", len(decoder.pids))
        yield _count("eyedex_decoder_seconds", "Decoders at work.", decoder.busy_seconds)
        if state.following is not None:
            yield from _following(state.following)
        free = shutil.disk_usage(engine.settings.data).free
        yield _gauge("eyedex_disk_free_bytes", "Room on the disk of the data directory.", free)
        try:
            yield from _jobs(engine)
            yield from _collections(engine)
        except EyedexError as error:
            log.warning("metrics without the catalog: %s", error)
            yield _gauge("eyedex_catalog_up", "Whether the catalog can be read.", 0)
        else:
            yield _gauge("eyedex_catalog_up", "Whether the catalog can be read.", 1)


def install(app: FastAPI) -> None:
    """Count what the app answers, and show it at `/metrics`."""
    metrics = Metrics()
    metrics.registry.register(_State(app))
    app.add_middleware(MetricsMiddleware, metrics=metrics)

    @app.get("/metrics", operation_id=OPERATION, include_in_schema=False)
    def show(request: Request) -> Response:
        require_all_collections(grant_of(request))
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, value=value)


def _count(name: str, about: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, about, value=value)


def _following(following: Following) -> Iterator[Metric]:
    about = "Since what is served was published as the state of its origin."
    yield _gauge("eyedex_followed_age_seconds", about, following.age_s)
    about = "Since what is published was looked at with success."
    yield _gauge("eyedex_followed_looked_seconds", about, following.looked_s)
    about = "How often that failed, or nothing could be taken over."
    yield _count("eyedex_followed_failures", about, following.failures)


def _jobs(engine: SearchEngine) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("eyedex_jobs", "Jobs by state.", labels=("state",))
    with engine.catalog.read() as connection:
        for state, number in count_by_state(connection).items():
            jobs.add_metric((state,), number)
    yield jobs


def _collections(engine: SearchEngine) -> Iterator[Metric]:
    """Sizes; a collection that cannot be opened is down, and has no other figures."""
    items = GaugeMetricFamily("eyedex_items", "Items.", labels=("collection",))
    pending = GaugeMetricFamily(
        "eyedex_pending_changes", "Changes since the index was built.", labels=("collection",)
    )
    up = GaugeMetricFamily(
        "eyedex_collection_up", "Whether a collection can be searched.", labels=("collection",)
    )
    for collection in engine.catalog.collections():
        try:
            changes = _pending(engine, collection)
        except EyedexError:
            up.add_metric((collection.name,), 0)
            continue
        up.add_metric((collection.name,), 1)
        items.add_metric((collection.name,), engine.catalog.count(collection))
        pending.add_metric((collection.name,), changes)
    yield from (up, items, pending)
    yield from _drift(engine)


def _drift(engine: SearchEngine) -> Iterator[Metric]:
    """The photos asked about lately by tenths of the calibrated scores, and how far that is off."""
    names = ("collection", "target")
    asked = GaugeMetricFamily(
        "eyedex_asked_photos",
        "Photos classified lately, by the tenth of the calibrated scores they fall into.",
        labels=(*names, "tenth"),
    )
    shift = GaugeMetricFamily(
        "eyedex_score_shift",
        "Population stability index of these; above 0.25 they are unlike those calibrated on.",
        labels=names,
    )
    for collection in engine.catalog.collections():
        for target in calibrated_targets(engine.catalog, collection):
            fitted = load_calibration(engine.catalog, collection, target)
            if fitted is None or not fitted.score_tenths:
                continue
            lately = engine.answering.drift.lately(collection, fitted)
            for tenth, count in enumerate(lately.counts, 1):
                asked.add_metric((collection.name, target, str(tenth)), count)
            if lately.shift is not None:
                shift.add_metric((collection.name, target), lately.shift)
    yield from (asked, shift)


def _pending(engine: SearchEngine, collection: Collection) -> int:
    changes: int = describe_snapshot(engine.live(collection.name).snapshot())["pending"]
    return changes
