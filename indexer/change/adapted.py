"""What all ways of adapting an encoder to a collection have in common."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import numpy as np

from indexer.change.swap import Switch, embed, switch_encoder
from search_engine.adapt.gate import Verdict
from search_engine.collections.encoders import NETWORK, encoder_request
from search_engine.collections.labelled import Labelled, read_gallery
from search_engine.encoders.base import Encoder
from search_engine.encoders.poolings import MULTI
from search_engine.encoders.projection import ProjectedEncoder
from search_engine.encoders.registry import create_encoder
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.evaluate.splits import labelled_rows, take
from search_engine.records import Codes
from search_engine.vote.calibration.collection import refresh_label

LEAST_ITEMS = 50
PROJECTION = "projection"
POOLING = "pooling"

Advance = Callable[[int], None]
Stage = Callable[[str, int], AbstractContextManager[Advance]]
"""Begins a stage of the work, by its name and number of steps; what it gives counts them."""


def in_silence(name: str, steps: int) -> AbstractContextManager[Advance]:
    """A stage that nobody watches."""
    return nullcontext(lambda count: None)


@dataclass(frozen=True, slots=True)
class TuneRequest:
    """How to tune: by which labels; `force` takes what the gate refuses, `dry_run` only looks.

    `layers` says whether features of several layers are tried too, which encodes all pictures
    anew; None: where that takes no more than some minutes.
    """

    target: str = "label"
    force: bool = False
    dry_run: bool = False
    layers: bool | None = None
    seed: int = 0

    def wants(self, verdict: Verdict | None) -> bool:
        """Whether what was learned shall be used; no verdict: there was nothing to judge by."""
        accepted = verdict is not None and verdict.accepted
        return (accepted or self.force) and not self.dry_run


@dataclass(frozen=True, slots=True)
class Tuned:
    """What the gate found, and what became of it; `switch` is None when nothing was changed.

    `pooling` is that of the encoder behind the projection.
    """

    verdict: Verdict | None
    items: int
    classes: int
    dimension_before: int
    dimension: int
    shrinkage: float
    pooling: str
    fingerprint: str
    switch: Switch | None


@dataclass(frozen=True, slots=True)
class PlainEncoder:
    """An encoder as it came, before anything was adapted, and its options."""

    encoder: Encoder
    options: Mapping[str, str]


def plain_encoder(engine: SearchEngine, collection: str) -> PlainEncoder:
    """The encoder of a collection without what was learned from the catalog.

    Raises:
        ParameterError: Nothing is indexed.
        EncoderError: It cannot be made any more.
    """
    encoder = engine.live(collection).encoder()
    if encoder is None:
        raise ParameterError("nothing is indexed yet", fix="`eyedex index` comes first")
    record = engine.catalog.collection(collection)
    options = {name: str(value) for name, value in record.encoder_options.items()}
    if not isinstance(encoder, ProjectedEncoder):
        return PlainEncoder(encoder, options)
    before = encoder.projection.origin.came_with
    if options == {**before, PROJECTION: encoder.projection.sha256}:
        return PlainEncoder(encoder.base, before)
    return PlainEncoder(_made(engine, collection, before), before)


def with_layers(engine: SearchEngine, collection: str, came: PlainEncoder) -> PlainEncoder | None:
    """The encoder with features of several layers; None if it has no such, or has them already."""
    if came.options.get(POOLING, "").startswith(MULTI):
        return None
    options = {**came.options, POOLING: MULTI}
    try:
        return PlainEncoder(_made(engine, collection, options), options)
    except ParameterError:
        return None


def _made(engine: SearchEngine, collection: str, options: Mapping[str, str]) -> Encoder:
    record = replace(engine.catalog.collection(collection), encoder_options=dict(options))
    return create_encoder(encoder_request(record, engine.settings, engine.catalog))


def complete(engine: SearchEngine, collection: str, encoder: Encoder, stage: Stage) -> None:
    """Make the embeddings by an encoder that items of the collection do not have yet."""
    record = engine.catalog.collection(collection)
    lacking = len(engine.catalog.keys_without(record, encoder.spec.fingerprint))
    if lacking:
        with (
            engine.catalog.indexing(collection, "tuning it"),
            stage("encoding", lacking) as advance,
        ):
            embed(engine, record, encoder, Switch(), advance)


def labelled_gallery(
    engine: SearchEngine, collection: str, target: str, encoder: Encoder
) -> tuple[Labelled, Codes, int]:
    """Items that have a value of a target and an embedding by an encoder, by key.

    Returns:
        The items, the class of each (N,), and the number of classes.
    """
    spec = encoder.spec
    record = engine.catalog.collection(collection)
    plain = replace(record, fingerprint=spec.fingerprint, dimension=spec.dimension)
    gallery = read_gallery(engine.catalog, collection, target, plain)
    labelled = take(gallery, labelled_rows(gallery))
    classes, codes = np.unique([label or "" for label in labelled.labels], return_inverse=True)
    return labelled, codes, len(classes)


def check_enough(items: int, classes: int, target: str) -> None:
    """Raise ParameterError where there are too few labels to learn from."""
    if items < LEAST_ITEMS or classes < 2:
        raise ParameterError(
            f"{items} items of {classes} values of {target!r} are too few to learn from",
            where="target",
            fix=f"index at least {LEAST_ITEMS} items of two values, or name another --target",
        )


@dataclass(frozen=True, slots=True)
class Learned:
    """An adapted encoder, and what the gate says of it; None: there was nothing to judge it by.

    `options` are those of the encoder behind the projection; `network` is hash and bytes of the
    weights file, where the network was fine-tuned.
    """

    encoder: ProjectedEncoder
    verdict: Verdict | None
    options: Mapping[str, str]
    network: tuple[str, bytes] | None = None


def concluded(
    engine: SearchEngine,
    collection: str,
    request: TuneRequest,
    came: PlainEncoder,
    learned: Learned,
    stage: Stage,
) -> Tuned:
    """What became of it: the collection has what was learned, if that is wanted of it."""
    origin, spec = learned.encoder.projection.origin, learned.encoder.spec
    wanted = request.wants(learned.verdict)
    return Tuned(
        verdict=learned.verdict,
        items=origin.items,
        classes=origin.classes,
        dimension_before=came.encoder.spec.dimension,
        dimension=spec.dimension,
        shrinkage=origin.shrinkage,
        pooling=spec.pooling,
        fingerprint=spec.fingerprint,
        switch=_take_over(engine, collection, learned, stage) if wanted else None,
    )


def _take_over(engine: SearchEngine, collection: str, learned: Learned, stage: Stage) -> Switch:
    projection = learned.encoder.projection
    blobs = {PROJECTION: (projection.sha256, projection.data)}
    if learned.network is not None:
        blobs[NETWORK] = learned.network
    with engine.catalog.write() as writer:
        for sha256, data in blobs.values():
            writer.keep_learned(sha256, data)
    options = {**learned.options, **{name: sha256 for name, (sha256, _) in blobs.items()}}
    count = engine.catalog.count(engine.catalog.collection(collection))
    with stage("switching", count) as advance:
        switch = switch_encoder(engine, collection, learned.encoder, options, advance)
    refresh_label(engine.catalog, collection)
    return switch
