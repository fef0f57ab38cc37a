"""Calibrate the vote of a collection and store the result."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.fields import check_field, value_of, values_of
from search_engine.catalog.store import Catalog
from search_engine.collections.encoders import judged, projection_of
from search_engine.collections.labelled import Labelled, aligned, read_gallery
from search_engine.encoders.projection import Projection
from search_engine.errors import ParameterError
from search_engine.linear_algebra import threads_for
from search_engine.neighbors import Advance
from search_engine.records import Codes, Vectors
from search_engine.things import ALONE, groupings, hardest, things_of
from search_engine.vote.calibration.familiar import Familiar, fit_familiar
from search_engine.vote.calibration.fit import LEAST_ITEMS, QUERIES, Fit, fit_labels, known_labels
from search_engine.vote.calibration.fit_known import fit_known, fit_known_apart
from search_engine.vote.calibration.fit_values import fit_values, item_values
from search_engine.vote.calibration.held_out import HeldOut, LeaveOut, Voters, joined
from search_engine.vote.calibration.known import Known
from search_engine.vote.calibration.record import Calibration
from search_engine.vote.calibration.store import (
    REFRESH_SHARE,
    calibrated_targets,
    edited_share,
    load_calibration,
    save_calibration,
)
from search_engine.vote.calibration.tuned import hold_out_tuned
from search_engine.vote.values import ValueModel

CHEAP_PRODUCT = 200_000_000_000
"""Calibrate automatically up to this many items * queries * dimension: a few seconds."""


@dataclass(frozen=True, slots=True)
class CalibrationRequest:
    """What to calibrate, and how neighbors vote; see `fit.fit_labels`.

    Items with one value of the field `group_by` are held out together. With `easy` the accuracy of
    items held out one by one is measured for a tuned collection too, which takes as long again.
    """

    target: str = "label"
    per_product: bool = False
    balanced: bool = False
    group_by: str | None = None
    queries: int = QUERIES
    seed: int = 0
    easy: bool = False


def calibrate_collection(
    catalog: Catalog,
    collection: str,
    request: CalibrationRequest | None = None,
    advance: Advance = lambda count: None,
    record: Collection | None = None,
) -> Calibration:
    """Fit the vote of a collection on one target, and store it for `SearchEngine.classify`.

    Args:
        catalog: The catalog.
        collection: Its name.
        request: What to calibrate, and how.
        advance: Counts the steps.
        record: The collection with its next encoder; None for the current one.

    Raises:
        CollectionNotFoundError: There is no such collection.
        ParameterError: There is no such field, too few items have it, or they were imported already
            tuned.
        StorageError: The result could not be written.
    """
    request = request or CalibrationRequest()
    check_field(catalog, catalog.collection(collection), request.target, "target")
    seq = catalog.seq()
    record = record or catalog.collection(collection)
    projection = _taught(projection_of(catalog, record.encoder_options))
    galleries, shown = _galleries(catalog, record, projection, request)
    gallery = galleries[0]
    if projection is not None and not len(gallery.keys):
        raise _imported_tuned(collection)
    fit, values = _fit(catalog, galleries, request, projection, advance)
    made = _made(request, record, seq, gallery, shown, projection, fit, values)
    save_calibration(catalog.paths, record, made)
    return made


def _made(
    request: CalibrationRequest,
    record: Collection,
    seq: int,
    gallery: Labelled,
    shown: Vectors,
    projection: Projection | None,
    fit: Fit,
    values: ValueModel | None,
) -> Calibration:
    """Return a fit with what describes the collection, and tells foreign and unknown photos."""
    things = things_of(gallery.vectors, gallery_voters(gallery).codes, gallery.together)
    return Calibration(
        target=request.target,
        group_by=request.group_by,
        collection_uid=record.uid,
        fingerprint=record.fingerprint or "",
        seq=seq,
        items=len(gallery.keys),
        rule=fit.rule,
        twin_score=fit.twin_score,
        least_score=fit.least_score,
        levels=fit.levels,
        curve=fit.curve,
        class_weights=fit.class_weights,
        values=values,
        alike=fit.alike,
        score_tenths=fit.score_tenths,
        familiar=_familiar(gallery, shown, things, record, projection),
        known=None if values else _known(gallery, shown, things, request.target, projection),
        figures=fit.figures,
    )


def _imported_tuned(collection: str) -> ParameterError:
    return ParameterError(
        "the items were imported tuned: without their embeddings before that, nothing can be held "
        "out",
        where=f"collection {collection}",
        fix="index their pictures, or bring the collection by `eyedex snapshot`",
    )


def refresh_label(catalog: Catalog, collection: str) -> float | None:
    """Calibrate `label` again with the same options, if enough changed and it is quick.

    Returns:
        The seconds it took; None if nothing was done.
    """
    record = catalog.collection(collection)
    before = load_calibration(catalog, record, "label")
    if before is not None and edited_share(catalog, record, before) <= REFRESH_SHARE:
        return None
    labels = catalog.labels(record)
    if len(labels) < 2 or sum(each.count for each in labels) < LEAST_ITEMS:
        return None
    started = time.perf_counter()
    return time.perf_counter() - started if _repeat(catalog, record, "label", before) else None


def calibrate_ahead(catalog: Catalog, wanted: Collection, group_by: str | None = None) -> list[str]:
    """Calibrate, for a collection's next encoder, every target calibrated for the current one.

    The embeddings by the next encoder must be stored. An existing calibration for it is kept, or
    repeated by its own rule if it is outdated. Items are held out by the field `group_by`, or as
    for the current encoder.

    Returns:
        Targets left out because calibrating them would take long.
    """
    now = catalog.collection(wanted.name)
    uncalibrated = []
    for target in calibrated_targets(catalog, now):
        done = load_calibration(catalog, wanted, target)
        if done is not None and edited_share(catalog, wanted, done) <= REFRESH_SHARE:
            continue
        before = done or load_calibration(catalog, now, target)
        if not _repeat(catalog, wanted, target, before, group_by):
            uncalibrated.append(target)
    return uncalibrated


def _repeat(
    catalog: Catalog,
    record: Collection,
    target: str,
    before: Calibration | None,
    group_by: str | None = None,
) -> bool:
    """Calibrate with the same options unless that takes long; return whether it was done."""
    count = catalog.count(record)
    product = count * min(count, QUERIES) * (record.dimension or 0)
    if product > CHEAP_PRODUCT:
        return False
    request = CalibrationRequest(target, group_by=group_by)
    if before is not None:
        balanced = before.class_weights is not None
        together = group_by or before.group_by
        request = CalibrationRequest(target, before.rule.per_product, balanced, together)
    try:
        with threads_for(product):
            calibrate_collection(catalog, record.name, request, record=record)
    except ParameterError:  # too few items share a value, or a field to group by is gone
        return False
    return True


def gallery_voters(gallery: Labelled) -> Voters:
    """Convert a gallery for the fit."""
    labels, codes = known_labels(gallery.labels)
    products = gallery.products or [None] * len(gallery.labels)
    voters = Voters(gallery.vectors, codes, labels, known_labels(products)[1])
    return replace(voters, groups=known_labels(gallery.groups)[1]) if gallery.groups else voters


def _taught(projection: Projection | None) -> Projection | None:
    """Return the projection if it learned from labels; others need no items held out."""
    return None if projection is None or projection.origin.target is None else projection


def _galleries(
    catalog: Catalog,
    record: Collection,
    projection: Projection | None,
    request: CalibrationRequest,
) -> tuple[list[Labelled], Vectors]:
    """Read the items by the encoders that judge, and as the one in use shows them, (N, D).

    All are without the projection, and mostly there is only one; see `judged`.
    """
    judges, fingerprint = judged(record, projection), _plain(record, projection)
    found = [
        read_gallery(catalog, record.name, request.target, judge, request.group_by)
        for judge in judges
    ]
    if [judge.fingerprint for judge in judges] == [fingerprint]:
        return found, found[0].vectors
    plain = read_gallery(catalog, record.name, record=replace(judges[0], fingerprint=fingerprint))
    *galleries, shown = aligned([*found, plain])
    return galleries, shown.vectors


def _plain(record: Collection, projection: Projection | None) -> str:
    """Return the fingerprint of the encoder in use without its projection."""
    return record.fingerprint or "" if projection is None else projection.origin.fingerprint


def _held_out(
    catalog: Catalog,
    galleries: Sequence[Labelled],
    projection: Projection,
    request: CalibrationRequest,
    advance: Advance,
) -> HeldOut:
    """Hold out items of a tuned collection, and one by one if asked for and possible.

    The galleries have the embeddings before the projection, by each judge.
    """
    gallery = galleries[0]
    items = catalog.by_keys(gallery.keys.tolist())
    origin = projection.origin
    taught = [
        value_of(items[key], origin.target or "") if key in items else None
        for key in gallery.keys.tolist()
    ]
    codes = known_labels(taught)[1]
    ways = groupings(gallery.vectors, codes, gallery.together, gallery.order)
    way = hardest(gallery.vectors, codes, ways)
    unseen: list[Codes | None] = [*_unseen(gallery, projection)]

    def by(things: Codes, advance: Advance = lambda count: None) -> HeldOut:
        return joined(
            [
                hold_out_tuned(
                    gallery_voters(each),
                    codes,
                    origin.shrinkage,
                    things,
                    request.queries,
                    request.seed,
                    rows,
                    advance,
                )
                for each, rows in zip(galleries, unseen or [None], strict=True)
            ]
        )

    held = by(ways[way], advance)
    if not request.easy or way == ALONE or unseen:
        return held
    alone = by(ways[ALONE])
    return replace(held, one_by_one=(alone.ballots, alone.truth))


def _familiar(
    gallery: Labelled,
    shown: Vectors,
    things: Codes,
    record: Collection,
    projection: Projection | None,
) -> Familiar | None:
    """Learn what a collection's pictures have in common; see `_galleries`."""
    codes, unseen = gallery_voters(gallery).codes, _unseen(gallery, projection)
    fingerprint = _plain(record, projection)
    return fit_familiar(
        gallery.vectors, codes, things, fingerprint, unseen[0] if unseen else None, shown
    )


def _known(
    gallery: Labelled,
    shown: Vectors,
    things: Codes,
    target: str,
    projection: Projection | None,
) -> Known | None:
    """Learn how known photos look; see `_galleries`."""
    codes = gallery_voters(gallery).codes
    if projection is None:
        if target != "label":
            return None
        return fit_known_apart(gallery.vectors, codes, things)
    if projection.origin.target != target:
        return None
    unseen = _unseen(gallery, projection)
    return fit_known(
        gallery.vectors,
        projection.apply(shown),
        codes,
        things,
        projection.origin.shrinkage,
        unseen[0] if unseen else None,
        shown=shown,
    )


def _unseen(gallery: Labelled, projection: Projection | None) -> list[Codes]:
    """Return the rows that each network which judges did not learn from; empty if none learned."""
    judges = projection.origin.judges if projection is not None else ()
    return [np.flatnonzero(np.isin(gallery.keys, judge.held_out)) for judge in judges]


def _fit(
    catalog: Catalog,
    galleries: Sequence[Labelled],
    request: CalibrationRequest,
    projection: Projection | None,
    advance: Advance,
) -> tuple[Fit, ValueModel | None]:
    gallery = galleries[0]
    lists = _lists(catalog, gallery, request.target)
    voters = gallery_voters(gallery)
    held = None
    if projection is not None:
        held = _held_out(catalog, galleries, projection, request, advance)
    if lists is None:
        leave_out: LeaveOut | None = "one" if request.target == "product_id" else None
        fit = fit_labels(
            voters,
            leave_out=leave_out,
            per_product=request.per_product,
            balanced=request.balanced,
            queries=request.queries,
            seed=request.seed,
            held=held,
            advance=advance,
        )
        return fit, None
    if request.balanced:
        raise ParameterError(
            "votes on lists of values cannot be balanced", fix="leave out --balanced"
        )
    known = np.where([each is not None for each in lists], 0, -1).astype(np.int64)
    some = Voters(voters.vectors, known, ("",), voters.products)
    return fit_values(
        some,
        item_values(lists),
        per_product=request.per_product,
        queries=request.queries,
        seed=request.seed,
        held=held,
        advance=advance,
    )


def _lists(catalog: Catalog, gallery: Labelled, target: str) -> list[tuple[str, ...] | None] | None:
    """Return the values of each item if some item has a list; single values become lists."""
    if target in ("label", "product_id"):
        return None
    found = catalog.by_keys(gallery.keys.tolist())
    known = (found.get(key) for key in gallery.keys.tolist())
    lists = [None if item is None else values_of(item, target) for item in known]
    if all(each is None for each in lists):
        return None
    return [
        each if each is not None or label is None else (label,)
        for each, label in zip(lists, gallery.labels, strict=True)
    ]
