"""What indexing, changes of encoder, evaluations and groupings can be told, declared once.

`jobs.parameters` derives from each class what a job takes over HTTP, `api.cli.flags` the flags of
the verb of the same name. A new parameter is a field here and the code that obeys it. The classes
are not frozen, as pydantic's models inherit from them; the models are.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

MOST_CHARACTERS = 256
"""Of a text that comes over HTTP."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """How one parameter is explained and bounded.

    `low` and `high` bound numbers, both included. `flag` is its flag where that is not its name;
    `metavar` says there what stands for a value.
    """

    help: str
    low: float | None = None
    high: float | None = None
    metavar: str | None = None
    flag: str = ""

    def __get_pydantic_core_schema__(self, kind: Any, handler: Any) -> Any:
        """Let pydantic check what comes over HTTP."""
        from pydantic import Field  # not loaded by commands

        types = get_args(kind) or (kind,)
        bounds: dict[str, Any] = {"ge": self.low, "le": self.high}
        if str in types:
            bounds = {"min_length": 1, "max_length": MOST_CHARACTERS}
        elif float in types:
            bounds["allow_inf_nan"] = False
        elif int not in types:
            return handler(kind)
        return handler(Annotated[kind, Field(**bounds)])

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """Describe it in OpenAPI."""
        return {**handler(schema), "description": self.help}


TARGET = Parameter("label, product_id or an attribute.", metavar="FIELD")
Target = Annotated[str, TARGET]
IndexKind = Annotated[
    str | None,
    Parameter(
        "Kind of index from now on: a FAISS factory string, numpy, milvus:ADDRESS or "
        "qdrant:ADDRESS; auto chooses by size.",
        metavar="auto|FACTORY",
    ),
]
Pooling = Annotated[
    str | None,
    Parameter(
        "How feature maps become one vector: avg, gem, max, multi and others.",
        metavar="NAME[+mirror]",
    ),
]


GroupBy = Annotated[
    str | None,
    Parameter(
        "Field whose items are held out together, such as a day or a shop [default: products, or "
        "what looks alike].",
        metavar="FIELD",
    ),
]


@dataclass
class Indexing:
    """How to bring a collection to the state of a catalog."""

    encoder: Annotated[
        str | None, Parameter("Encoder of a new collection (`eyedex encoders`).", metavar="NAME")
    ] = None
    pooling: Pooling = None
    index: IndexKind = None
    patches: Annotated[
        int | None,
        Parameter(
            "Crops of each picture that searches compare with, too, from now on: 5, 9, or 0 for "
            "none.",
            low=0,
            high=9,
            metavar="N",
        ),
    ] = None
    name: Annotated[
        str | None,
        Parameter(
            "Name of the source, where its file has another name each time [default: path].",
            metavar="NAME",
            flag="--source",
        ),
    ] = None
    replace: Annotated[bool, Parameter("Remove from items whatever the source does not say.")] = (
        False
    )
    prune: Annotated[bool, Parameter("Remove items that the source no longer has.")] = False
    prune_many: Annotated[
        bool, Parameter("Let prune remove more than a fifth of the items.", flag="--yes")
    ] = False
    max_errors: Annotated[
        int | None, Parameter("Stop when more rows than that are rejected.", low=0, metavar="N")
    ] = None
    tune: Annotated[
        bool, Parameter("Let a new collection learn from its labels once it has enough of them.")
    ] = True
    executor: Annotated[
        Literal["local", "ray"],
        Parameter("Where pictures are embedded: on this machine, or on a cluster of Ray."),
    ] = "local"
    ray_actors: Annotated[
        int | None,
        Parameter(
            "Most actors on the cluster [default: one on each GPU, else on each machine].",
            low=1,
            high=10_000,
            metavar="N",
        ),
    ] = None
    dry_run: Annotated[bool, Parameter("Say what would be done, but do nothing.")] = False


@dataclass
class Changing:
    """How another encoder is judged, and what is done with it."""

    target: Target = "label"
    group_by: GroupBy = None
    force: Annotated[bool, Parameter("Use it even if it is not found better.")] = False
    dry_run: Annotated[bool, Parameter("Only measure what it would bring.")] = False
    undo: Annotated[bool, Parameter("Go back to the encoder before the last change.")] = False


@dataclass
class Tuning(Changing):
    """How to adapt the encoder to the collection's own labels."""

    finetune: Annotated[bool, Parameter("Train the network itself too: minutes, not seconds.")] = (
        False
    )
    minutes: Annotated[
        float, Parameter("How long to train with finetune.", low=0.01, high=7 * 24 * 60)
    ] = 30.0
    layers: Annotated[
        bool | None,
        Parameter(
            "Try features of several layers, too, which encodes all pictures anew; by default up "
            "to 20,000 items."
        ),
    ] = None


@dataclass
class Switching(Changing):
    """How to give the collection another encoder, which the verb takes as an argument."""

    pooling: Pooling = None
    force: Annotated[bool, Parameter("Use it even if it is found to be worse.")] = False
    dry_run: Annotated[bool, Parameter("Encode and compare, but keep the encoder.")] = False


@dataclass
class Calibrating:
    """Whose votes are calibrated, and how they count."""

    target: Target = "label"
    per_product: Annotated[bool, Parameter("All photos of a product are one voter.")] = False
    balanced: Annotated[bool, Parameter("Votes for rare labels weigh more.")] = False
    group_by: GroupBy = None


@dataclass
class Evaluating:
    """What is measured, and with how many photos."""

    target: Target = "label"
    k: Annotated[
        int | None,
        Parameter(
            "Ranks measured besides 1, 5, 10 [default: those that vote].",
            low=1,
            high=200,
            flag="-k",
        ),
    ] = None
    vote_k: Annotated[
        int | None,
        Parameter("Neighbors that vote [default: as calibrated, else 10].", low=1, high=200),
    ] = None
    sample: Annotated[int | None, Parameter("Ask at most so many queries.", low=1)] = None
    folds: Annotated[
        int | None,
        Parameter("Cross-validate; pictures of a product (or scene) stay together.", low=2),
    ] = None
    group_by: GroupBy = None
    separator: Annotated[
        str | None, Parameter("Divides several values in one cell of the target.", metavar="TEXT")
    ] = None
    seed: Annotated[int, Parameter("Of everything that is drawn.", low=0)] = 0
    classifiers: Annotated[
        bool, Parameter("Measure every classifier of `eyedex train`, too.", flag="--all")
    ] = False


@dataclass
class Clustering:
    """How the items are grouped by looks."""

    method: Annotated[
        Literal["kmeans", "hdbscan"],
        Parameter("kmeans: all items, K clusters. hdbscan: dense regions only."),
    ] = "kmeans"
    clusters: Annotated[
        int | None, Parameter("Clusters of kmeans [default: root of half the items].", low=2)
    ] = None
    target: Target = "label"
    propose_labels: Annotated[
        bool, Parameter("A label for items without, where clusters tell.")
    ] = False
    min_support: Annotated[
        float, Parameter("Share of a cluster's labelled items that must agree.", low=0, high=1)
    ] = 0.8
