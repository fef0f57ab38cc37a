"""Names of re-rankings to what does them; a new one is one line here and one module."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from search_engine.encoders.opencv_import import import_opencv
from search_engine.errors import ParameterError
from search_engine.search.rerank.base import Reorder
from search_engine.search.rerank.database_augmentation import augment
from search_engine.search.rerank.geometric import verify
from search_engine.search.rerank.k_reciprocal import by_reciprocity
from search_engine.search.rerank.local_features import WHO
from search_engine.search.rerank.query_expansion import expand_query

ALL = "all"


@dataclass(frozen=True, slots=True)
class Method:
    """A way to re-rank; `looks` where it needs the pictures themselves, and OpenCV."""

    name: str
    reorder: Reorder
    looks: bool = False

    def check_extra(self) -> None:
        """Raise MissingExtraError if it needs OpenCV and there is none."""
        if self.looks:
            import_opencv(WHO)


_METHODS = (
    Method("aqe", expand_query),
    Method("dba", augment),
    Method("k-reciprocal", by_reciprocity),
    Method("geometric", verify, looks=True),
)

METHODS: Mapping[str, Method] = MappingProxyType({method.name: method for method in _METHODS})


def method_named(name: str) -> Method:
    """The re-ranking of that name.

    Raises:
        ParameterError: There is none.
    """
    if name not in METHODS:
        raise ParameterError(
            f"there is no re-ranking {name!r}",
            where="rerank",
            fix=f"known: {', '.join(METHODS)}; and learned, for searches",
        )
    return METHODS[name]


def methods_named(text: str) -> tuple[Method, ...]:
    """The re-rankings of a list such as `aqe,dba`, each once; `all` of them.

    Raises:
        ParameterError: One is unknown.
    """
    names = [name.strip() for name in text.split(",")]
    if names == [ALL]:
        return _METHODS
    return tuple(dict.fromkeys(method_named(name) for name in names))
