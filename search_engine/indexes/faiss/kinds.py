"""Kinds of FAISS index: how each is built, and how its search is limited and filtered.

It hides FAISS's factory, pre-transforms, parameter classes and selectors.
"""

import re
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from search_engine.errors import ParameterError
from search_engine.indexes.selection import Selection
from search_engine.indexes.spec import Effort

SEED = 20_260_101
FLAT = "Flat"
ADD_ELEMENTS = 2**24
"""Elements widened to float32 at once."""
TRAINING_ELEMENTS = 2**26
TRAINING_ROWS_A_LIST = 256
"""Training rows for each centroid; FAISS uses no more."""
TRAINING_ROWS = 2**16
CLUSTERING_ROUNDS = 20
GRAPH_CONSTRUCTION = 100
FEW_QUERIES = 8
"""Up to so many queries run on one thread: waking others takes longer than it saves."""
FAISS_DECIDES = 0
QUERY_BY_QUERY = 11
"""Value of `IndexIVFFastScan.implem` in FAISS that keeps candidates in a reservoir."""
FACTORY = re.compile(r"[A-Za-z0-9_(),+-]{1,128}")
DEADLY = re.compile(r"(?<!\d)0+(?!\d)|HNSW0*1(?!\d)|\d{7,}")
"""Numbers that crash the process (0, and graphs of one link a node) or need all its memory."""
FACTORY_FIX = "give a FAISS factory string, such as HNSW16,SQ8 or IVF1024,PQ64x4fs"


class Kind(Protocol):
    """One kind of FAISS index, filled; its positions are the rows of the stored vectors."""

    faiss_index: Any
    most_probes: int
    """Number of probes beyond which more make no difference."""
    probes_bound_candidates: bool
    """Whether a search finds no more candidates than it has probes."""

    def expect(self, queries: int) -> None:
        """Adapt FAISS to the number of queries. Answers do not change, so threads that expect
        different numbers at once do no harm."""
        ...

    def parameters(self, k: int, effort: Effort, within: Selection | None) -> Any:
        """Return FAISS's parameters to find the k best at an effort, in all rows or a selection."""
        ...

    def nanoseconds(self, k: int, effort: Effort, share: float) -> float:
        """Estimate the time of a query on one core, if this share of all rows may be found."""
        ...


def create(factory: str, dimension: int) -> Any:
    """Create an empty FAISS index, with settings beyond FAISS's defaults.

    Raises:
        ParameterError: FAISS does not know the factory string, or its index cannot be searched
            here.
    """
    if not FACTORY.fullmatch(factory) or DEADLY.search(factory):
        raise ParameterError(
            f"{factory[:128]!r} is not a kind of index", where="index", fix=FACTORY_FIX
        )
    metric = faiss.METRIC_INNER_PRODUCT if factory == FLAT else faiss.METRIC_L2
    try:
        index = faiss.index_factory(dimension, factory, metric)
    except (RuntimeError, MemoryError) as error:
        raise ParameterError(
            f"FAISS cannot make an index {factory!r} of {dimension} dimensions: {_reason(error)}",
            where="index",
            fix=FACTORY_FIX,
        ) from error
    try:
        kind_of(index)
    except ParameterError as error:
        error.what = f"{factory!r}: {error.what}"
        raise
    inner = inner_index(index)
    if isinstance(inner, faiss.IndexIVF):
        inner.cp.niter = CLUSTERING_ROUNDS
        inner.cp.seed = SEED
        inner.cp.min_points_per_centroid = 1  # FAISS only prints to stderr
    if isinstance(inner, faiss.IndexIVFPQFastScan):
        inner.by_residual = False  # one look-up table for all lists: a third faster, as accurate
    if isinstance(inner, faiss.IndexHNSW):
        inner.hnsw.efConstruction = GRAPH_CONSTRUCTION
        inner = faiss.downcast_index(inner.storage)
    if isinstance(inner, faiss.IndexPQ | faiss.IndexIVFPQ):
        inner.do_polysemous_training = False  # many seconds for an order of codes not used here
    return index


def build(factory: str, vectors: NDArray[np.float16], trained: Any = None) -> Any:
    """Train and fill a FAISS index with vectors (N, D), float16.

    Flat compares inner products; all other kinds use L2 distance, which orders unit rows equally
    and whose quantisation errors do not favour long rows.

    Args:
        factory: FAISS factory string.
        vectors: Shape (N, D).
        trained: An index of the same factory string and dimension whose centroids and codes to
            reuse; None learns them from the vectors.

    Raises:
        ParameterError: As for `create`, or there are too few vectors to train it.
    """
    index = _emptied(trained) or create(factory, int(vectors.shape[1]))
    try:
        _train(index, vectors)
        step = max(1, ADD_ELEMENTS // vectors.shape[1])
        for start in range(0, len(vectors), step):
            index.add(vectors[start : start + step].astype(np.float32))
        _try_filter(index, vectors)
    except (RuntimeError, MemoryError) as error:
        raise ParameterError(
            f"an index {factory!r} cannot be built from {len(vectors)} vectors: {_reason(error)}",
            where="index",
            fix="name another kind, or leave the choice to Eyedex",
        ) from error
    return index


def kind_of(index: Any) -> Kind:
    """Return the kind of a FAISS index.

    Raises:
        ParameterError: Its kind cannot be searched here.
    """
    inner = inner_index(index)
    for family, kind in _KINDS.items():
        if isinstance(inner, getattr(faiss, family)):
            return kind(index)
    raise ParameterError(
        f"an index of kind {type(inner).__name__} cannot be searched here",
        where="index",
        fix="use Flat, IVF..., HNSW... or a quantiser such as SQ8, with or without PCA, OPQ or "
        "RR before it",
    )


def inner_index(index: Any) -> Any:
    """Return the index behind pre-transforms."""
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexPreTransform):
        return faiss.downcast_index(index.index)
    return index


class InvertedFile:
    """Searches the lists whose centroids are nearest to the query.

    Under a filter only lists with a match are searched, so that matches far from the query are
    found as well.
    """

    probes_bound_candidates = False

    def __init__(self, index: Any) -> None:
        self.faiss_index = index
        self._lists = inner_index(index)
        self._is_fast_scan = isinstance(self._lists, faiss.IndexIVFFastScan)
        self.most_probes = int(self._lists.nlist)
        self.list_of = _list_of_each(self._lists)
        """The list of each row, shape (N,)."""
        centroids = faiss.downcast_index(self._lists.quantizer)
        self._has_graph_of_centroids = isinstance(centroids, faiss.IndexHNSW)

    def expect(self, queries: int) -> None:
        """See Kind. For few queries going from query to query is a fifth faster than going from
        list to list, for many it is slower."""
        if self._is_fast_scan:
            self._lists.implem = QUERY_BY_QUERY if queries <= FEW_QUERIES else FAISS_DECIDES

    def parameters(self, k: int, effort: Effort, within: Selection | None) -> Any:
        """See Kind."""
        if within is None:
            probes, lists, selector = effort.probes_at(k), None, None
        else:
            probes = effort.probes_at(k * self._lists.ntotal / len(within))
            lists = np.zeros(self._lists.nlist, dtype=np.bool_)
            lists[self.list_of[within.positions]] = True
            selector = _selector(within.bits)
        most = self._lists.nlist
        if lists is not None and not self._has_graph_of_centroids:
            most = int(lists.sum())
        probes = min(probes, most)
        return self._before(
            faiss.SearchParametersIVF(
                nprobe=probes, sel=selector, quantizer_params=self._coarse(probes, lists)
            )
        )

    def _coarse(self, probes: int, lists: NDArray[np.bool_] | None) -> Any:
        """Limit the search for the nearest centroids to some lists, unless it uses a graph."""
        if self._has_graph_of_centroids:
            return faiss.SearchParametersHNSW(efSearch=2 * probes)
        if lists is None:
            return None
        return faiss.SearchParameters(sel=_selector(np.packbits(lists, bitorder="little")))

    def _before(self, parameters: Any) -> Any:
        return _through_transforms(self.faiss_index, parameters)

    def nanoseconds(self, k: int, effort: Effort, share: float) -> float:
        """See Kind. As measured: 0.1 ns for an element of a centroid, 0.16 for a byte of code."""
        probes = min(self._lists.nlist, effort.probes_at(k / share))
        rows = probes * self._lists.ntotal / self._lists.nlist
        coarse = self._lists.nlist * self._lists.d * 0.1
        return float(coarse + rows * self._lists.code_size * 0.16)


class Graph:
    """Searches a graph of near neighbors (HNSW)."""

    probes_bound_candidates = True

    def __init__(self, index: Any) -> None:
        self.faiss_index = index
        self.most_probes = int(index.ntotal)

    def expect(self, queries: int) -> None:
        """See Kind."""

    def parameters(self, k: int, effort: Effort, within: Selection | None) -> Any:
        """See Kind."""
        total = self.faiss_index.ntotal
        depth = k if within is None else k * total / len(within)
        parameters = faiss.SearchParametersHNSW(
            efSearch=min(total, max(effort.candidates_at(k), effort.probes_at(depth))),
            sel=None if within is None else _selector(within.bits),
        )
        return _through_transforms(self.faiss_index, parameters)

    def nanoseconds(self, k: int, effort: Effort, share: float) -> float:
        """See Kind. As measured: 2 us for each expanded node."""
        return float(max(effort.candidates_at(k), effort.probes_at(k / share)) * 2_000)


class Codes:
    """Compares with every vector in a compressed form (SQ, PQ, RaBitQ)."""

    most_probes = 1
    probes_bound_candidates = False

    def __init__(self, index: Any) -> None:
        self.faiss_index = index

    def expect(self, queries: int) -> None:
        """See Kind."""

    def parameters(self, k: int, effort: Effort, within: Selection | None) -> Any:
        """See Kind."""
        chosen = only(within)
        return None if chosen is None else _through_transforms(self.faiss_index, chosen)

    def nanoseconds(self, k: int, effort: Effort, share: float) -> float:
        """See Kind. As measured: 0.2 ns for each dimension of a row."""
        return float(self.faiss_index.ntotal * self.faiss_index.d * 0.2)


_KINDS: dict[str, type[InvertedFile | Graph | Codes]] = {
    "IndexIVF": InvertedFile,
    "IndexHNSW": Graph,
    "IndexFlatCodes": Codes,
}


def _emptied(trained: Any) -> Any:
    """Return a copy with the trained parameters but no rows; None if FAISS cannot copy it."""
    if trained is None:
        return None
    try:
        index = faiss.clone_index(trained)
        index.reset()
    except RuntimeError:
        return None
    return index


def _train(index: Any, vectors: NDArray[np.float16]) -> None:
    """Train on a sample, as large as FAISS uses and memory allows."""
    if index.is_trained:
        return
    if len(vectors) == 0:
        raise RuntimeError("it must be trained")  # some kinds would accept NaN
    inner = inner_index(index)
    wanted = TRAINING_ROWS
    if isinstance(inner, faiss.IndexIVF):
        wanted = TRAINING_ROWS_A_LIST * inner.nlist
    wanted = min(wanted, TRAINING_ELEMENTS // vectors.shape[1], len(vectors))
    chosen = np.random.default_rng(SEED).choice(len(vectors), wanted, replace=False)
    index.train(vectors[np.sort(chosen)].astype(np.float32))


def _try_filter(index: Any, vectors: NDArray[np.float16]) -> None:
    """Raise RuntimeError if FAISS cannot leave out rows of such an index, as for removed items."""
    if len(vectors):
        first = Selection(np.zeros(1, dtype=np.int64), len(vectors))
        parameters = kind_of(index).parameters(1, Effort(), first)
        index.search(vectors[:1].astype(np.float32), 1, params=parameters)


def _list_of_each(index: Any) -> NDArray[np.int32]:
    """Return the inverted list of each row, shape (N,)."""
    found = np.zeros(index.ntotal, dtype=np.int32)
    for number in range(index.nlist):
        size = index.invlists.list_size(number)
        if size:
            found[faiss.rev_swig_ptr(index.invlists.get_ids(number), size)] = number
    return found


def only(within: Selection | None) -> Any:
    """FAISS's parameters to find rows of a selection only; None for all."""
    return None if within is None else faiss.SearchParameters(sel=_selector(within.bits))


def _through_transforms(index: Any, parameters: Any) -> Any:
    if isinstance(index, faiss.IndexPreTransform):
        return faiss.SearchParametersPreTransform(index_params=parameters)
    return parameters


def _selector(bits: NDArray[np.uint8]) -> Any:
    return faiss.IDSelectorBitmap(bits)


def _reason(error: Exception) -> str:
    """Return FAISS's own message, without file names."""
    return re.sub(r"Error in .* at \S+:\d+: (Error: )?", "", str(error)).strip()
