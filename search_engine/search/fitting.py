"""Whether options of a search fit a collection, and each other, before any work is done."""

from collections.abc import Sequence

from search_engine.catalog.collection_rows import require_sound_collection
from search_engine.catalog.fields import check_field
from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.errors import ParameterError
from search_engine.search.boosts import check_boosted_fields
from search_engine.search.explaining import check_explained
from search_engine.search.mixes import BEST
from search_engine.search.options import SearchOptions, check_choice
from search_engine.search.rerank.learned import LEARNED, Rerankers
from search_engine.search.rerank.registry import method_named

_WHY_ALONE = {
    "rerank": "re-ranking compares embeddings as they are stored, and has an order of its own",
    "mix": "the best example is found by embeddings as they are stored",
}
_NOT_BESIDE = {
    "rerank": ("weights", "boost", "diversity", "q", "color", "parts"),
    "mix": ("weights", "rerank"),
}


def check_fit(
    catalog: Catalog, rerankers: Rerankers, live: LiveCollection, options: SearchOptions
) -> None:
    """Refuse options that a collection cannot obey.

    A filter is fitted where it is used, as that takes its time.

    Raises:
        ParameterError: There is no such field or re-ranking, options exclude each other, or so
            many neighbors are not explained.
        MissingExtraError: The re-ranking needs OpenCV.
        DamagedRecordError: What the catalog says of the collection is damaged.
    """
    require_sound_collection(live.record)
    for name in ("mix", "include", "explain"):
        if getattr(options, name) is not None:
            check_choice(getattr(options, name), name)
    if options.rerank is not None:
        _check_alone("rerank", options)
        if options.rerank == LEARNED:
            rerankers.of(live.record)
        else:
            method_named(options.rerank).check_extra()
    if options.mix == BEST:
        _check_alone("mix", options)
    if options.explain is not None:
        check_explained(options.k)
    _check_beside(options)
    if options.boost:
        check_boosted_fields(catalog, live.record, tuple(options.boost))
    if options.group_by is not None:
        check_field(catalog, live.record, options.group_by, "group_by")


def _check_beside(options: SearchOptions) -> None:
    """Refuse options that lack another, or have one too many beside them."""
    if options.color_weight is not None and options.color is None:
        raise ParameterError(
            "there are no colours to weigh",
            where="color_weight",
            fix="give `color`, or leave it out",
        )
    if options.fold and options.group_by is not None:
        raise ParameterError(
            "groups are shown by one neighbor each",
            where="fold",
            fix="leave out `fold`, or `group_by`",
        )


def _check_alone(name: str, options: SearchOptions) -> None:
    """Refuse options beside one that they do not go with."""
    others: Sequence[str] = _NOT_BESIDE[name]
    for other in others:
        if getattr(options, other):
            raise ParameterError(
                _WHY_ALONE[name], where=name, fix=f"leave out `{other}`, or `{name}`"
            )
