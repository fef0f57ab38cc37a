"""Choose the kind of index for a collection, by its size and the memory limit.

For the measurements see `python -m benchmarks.index` and docs/operator.md.
"""

import math
from dataclasses import dataclass

from search_engine.errors import ParameterError

FLAT = "Flat"
EXACT_ELEMENTS = 25_600_000
"""Up to so many numbers (100,000 x 256, or 20,000 x 1,280) comparing with all vectors takes a
third of the time of encoding a query photo. An inverted file takes less still, but of so few
vectors, tuned to 0.99, it finds 0.75 to 0.98 of what is nearest to other photos
(`python -m benchmarks.crossover`)."""
COMPONENTS_A_ROOT = 10
"""Leading principal components in the codes of an inverted file, for each root of the dimension:
160 of 256, 360 of 1,280. With fewer, CNN features need too many candidates; more make the lists
slower to read."""
COMPONENTS_STEP = 8
DIMENSIONS_A_CODE = (2, 4)
"""Dimensions for each 4-bit code: accurate, and small."""
LISTS_A_ROOT = 1.5
BYTES_A_LIST = 2_048
BYTES_A_ROW = 20
"""Bytes that FAISS (8) and we (12) store for each row."""


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """A FAISS factory string, and its estimated memory."""

    factory: str
    memory_bytes: int


def choose_index(count: int, dimension: int, memory_bytes: int, recall: float = 0.99) -> IndexPlan:
    """Choose the kind of index for so many vectors.

    It is exact as long as that is fast; beyond, an inverted file with codes of 4 bits that are
    compared in registers (Andre, Kermarrec, Le Scouarnec, "Cache locality is not enough", VLDB
    2015; FAISS's fast scan) on principal components turned at random. Candidates are scored again
    with the stored vectors, which are memory-mapped and not counted here; those of an exact index
    are, as each query reads them all.

    Args:
        count: Number of vectors, 0 or more.
        dimension: Width of the vectors.
        memory_bytes: Memory limit of the index.
        recall: index_recall@10 wanted, above 0 to 1; 1 means exact.

    Raises:
        ParameterError: Not even the smallest kind fits, or the recall is out of range.
    """
    if not 0 < recall <= 1:
        raise ParameterError(f"a recall of {recall}", where="recall", fix="give 0.99 for 99%")
    exact = IndexPlan(FLAT, count * (2 * dimension + BYTES_A_ROW))
    if recall == 1 or count * dimension <= EXACT_ELEMENTS:
        plans = [exact]
    else:
        plans = [inverted_file(count, dimension, each) for each in DIMENSIONS_A_CODE]
    for plan in plans:
        if plan.memory_bytes <= memory_bytes:
            return plan
    raise ParameterError(
        f"an index of {count:,} vectors of {dimension} dimensions takes "
        f"{plans[-1].memory_bytes / 1e6:,.0f} MB and may take {memory_bytes / 1e6:,.0f} MB",
        where="EYEDEX_INDEX_MEMORY_MB",
        fix="allow more memory" if recall < 1 else "allow more memory, or a recall below 1",
    )


def inverted_file(count: int, dimension: int, dimensions_a_code: int) -> IndexPlan:
    """An inverted file for so many vectors, with a code of 4 bits for so many dimensions each."""
    wanted = COMPONENTS_STEP * round(COMPONENTS_A_ROOT * math.sqrt(dimension) / COMPONENTS_STEP)
    reduced = min(wanted, dimension - dimension % dimensions_a_code)
    codes = reduced // dimensions_a_code
    lists = 2 ** round(math.log2(LISTS_A_ROOT * math.sqrt(count)))
    return IndexPlan(
        f"PCAR{reduced},IVF{lists},PQ{codes}x4fs",
        count * (math.ceil(codes / 2) + BYTES_A_ROW)
        + lists * BYTES_A_LIST
        + 4 * reduced * dimension,
    )
