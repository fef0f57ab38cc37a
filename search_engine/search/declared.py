"""What a search and a classification can be asked for, declared once.

Whatever asks reads this declaration: Python's keyword arguments, fields of requests and their
schema, flags of the command line, the tables of the documentation. A new option is an entry of
OPTIONS, a field of `options.SearchOptions` with its type, and the code that obeys it.
"""

from dataclasses import dataclass
from typing import Literal

MAX_K = 200
PALETTE = "palette"
DEFAULT_K = 10

Verb = Literal["search", "classify"]
Kind = Literal[
    "whole",
    "number",
    "text",
    "filter",
    "box",
    "weights",
    "boosts",
    "colors",
    "parts",
    "fields",
    "labels",
    "flag",
]
BOTH: tuple[Verb, ...] = ("search", "classify")
CLASSIFY: tuple[Verb, ...] = ("classify",)


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    `name` is that of requests, and of Python unless `argument` is another. `help` has names of
    others between backticks, which flags spell otherwise. `low` and `high` bound
    numbers, themselves excluded where `exclusive`; `unit` is what they are. `metavar` is how a flag
    names a text. `verbs` take it. With `photo_only` it is about the photo that is sent, so that an
    item or a token has no use for it. With `changes_vote` others vote than those that were
    calibrated; without, it says only what is shown. What `orders` puts what is found in another
    order than that of scores, which has one page; with 0 it is as if it were not given. What is
    `whole` is about whole pictures: parts of a photo and patches do not go with it. What is of
    `likeness` needs something to be like: words and colours alone do not go with it.
    """

    name: str
    kind: Kind
    help: str
    example: str
    default: str = ""
    verbs: tuple[Verb, ...] = BOTH
    low: float | None = None
    high: float | None = None
    exclusive: bool = False
    unit: str = ""
    choices: tuple[str, ...] = ()
    metavar: str = ""
    photo_only: bool = False
    changes_vote: bool = False
    orders: bool = False
    whole: bool = False
    likeness: bool = False
    argument: str = ""

    @property
    def keyword(self) -> str:
        """Its name in Python."""
        return self.argument or self.name


OPTIONS = (
    Option(
        "k",
        "whole",
        "how many neighbors are shown",
        "20",
        default=f"{DEFAULT_K}, for a class those that vote",
        low=1,
        high=MAX_K,
    ),
    Option(
        "filter",
        "filter",
        "only items that fulfil it: a line, or JSON",
        "price < 30 and label under Home/Kitchen",
        changes_vote=True,
    ),
    Option(
        "box",
        "box",
        "look at this region of the photo: x,y,w,h as fractions of its sides, or in pixels as "
        "120px,40px,300px,300px",
        "0.1,0.2,0.5,0.5",
        photo_only=True,
    ),
    Option(
        "regions",
        "text",
        "propose regions of the photo that stand out, or search with its parts too and take the "
        "best match of each item",
        "auto",
        choices=("propose", "auto"),
        metavar="NAME",
        verbs=("search",),
        photo_only=True,
    ),
    Option(
        "turns",
        "text",
        "search with the photo turned by quarters too, and take the best match of each item",
        "any",
        choices=("any",),
        metavar="NAME",
        verbs=("search",),
        photo_only=True,
    ),
    Option(
        "q",
        "text",
        "words to look for in labels, names and other texts of items, the last one as a beginning: "
        "instead of a picture, or beside it by the ranks in both; one page",
        "red mug",
        metavar="WORDS",
        verbs=("search",),
        orders=True,
    ),
    Option(
        "color",
        "colors",
        "colours to look for in pictures, by name or as #rrggbb, several with weights: instead of "
        "a picture, or beside it; same stands for those of the picture itself; one page",
        "teal:0.7,#ffffff:0.3",
        verbs=("search",),
        orders=True,
    ),
    Option(
        "color_weight",
        "number",
        "how much `color` counts beside a picture: 0 not, 1 alone",
        "0.3",
        default="0.5",
        verbs=("search",),
        low=0,
        high=1,
        unit="a share",
        likeness=True,
    ),
    Option(
        "parts",
        "parts",
        "what results shall have in common with the picture beside the embedding: shape, color or "
        "both, with shares of the order; one page",
        "shape:0.5,color:0.2",
        verbs=("search",),
        orders=True,
        likeness=True,
    ),
    Option(
        "group_by",
        "text",
        "at most one neighbor for each value of this field",
        "product_id",
        metavar="FIELD",
    ),
    Option(
        "fold",
        "flag",
        "show the same picture once, in whatever size and pose; not with `group_by`",
        "true",
        default="false",
        verbs=("search",),
        likeness=True,
    ),
    Option(
        "min_score",
        "number",
        "leave out neighbors below this cosine",
        "0.4",
        low=-1,
        high=1,
        unit="a cosine",
        likeness=True,
    ),
    Option(
        "min_alike",
        "number",
        "leave out neighbors that a person would call alike with less than this probability; "
        "needs a calibration",
        "0.5",
        verbs=("search",),
        low=0,
        high=1,
        unit="a probability",
        likeness=True,
    ),
    Option(
        "rerank",
        "text",
        "put what is found in a better order, learned being that of `eyedex rerank learn`; scores "
        "stay cosines, so they need not fall",
        "k-reciprocal",
        choices=("aqe", "dba", "k-reciprocal", "geometric", "learned"),
        metavar="NAME",
        changes_vote=True,
        orders=True,
        whole=True,
        likeness=True,
    ),
    Option(
        "weights",
        "weights",
        "how much parts of the embedding count, where the encoder has parts",
        "color=2,shape=1",
        verbs=("search",),
        changes_vote=True,
        whole=True,
        likeness=True,
    ),
    Option(
        "mix",
        "text",
        "how examples to like and unlike count: by one query moved towards the likes, or by the "
        "nearest of them; best has one page",
        "best",
        default="rocchio",
        choices=("rocchio", "best"),
        verbs=("search",),
        metavar="NAME",
        whole=True,
        likeness=True,
    ),
    Option(
        "boost",
        "boosts",
        "move items up or down by numbers and booleans: field:weight, added to the score for the "
        "order only; one page",
        "in_stock:0.1,price:-0.02",
        verbs=("search",),
        orders=True,
        whole=True,
        likeness=True,
    ),
    Option(
        "diversity",
        "number",
        "how much results should differ from each other, against being alike: 0 not, 1 most; "
        "one page",
        "0.3",
        default="0",
        verbs=("search",),
        low=0,
        high=1,
        unit="a share",
        orders=True,
        whole=True,
        likeness=True,
    ),
    Option(
        "facets",
        "fields",
        "count the items that fulfil the filter by their values of these fields",
        "color,brand",
    ),
    Option(
        "include",
        "text",
        "add the embeddings of the neighbors and of the query, as numbers or as the base64 of "
        "little-endian float32; or the dominant colours of the neighbors",
        "vector",
        choices=("vector", "vector_base64", PALETTE),
        metavar="NAME",
    ),
    Option(
        "explain",
        "text",
        "show how much each place of both pictures adds to the score: numbers, or also as pictures "
        "to lay over them",
        "heatmap",
        choices=("grid", "heatmap"),
        metavar="NAME",
        verbs=("search",),
        whole=True,
        likeness=True,
    ),
    Option(
        "cursor",
        "text",
        "go on behind the page before: its `next_cursor`",
        "WyI4Y2Q0MjEw",
        verbs=("search",),
        metavar="CURSOR",
        likeness=True,
    ),
    Option(
        "target",
        "text",
        "what to classify by: label, product_id or an attribute",
        "color",
        default="label",
        metavar="FIELD",
        verbs=CLASSIFY,
    ),
    Option(
        "vote_k",
        "whole",
        "how many neighbors vote",
        "15",
        default="as calibrated, else 10",
        verbs=CLASSIFY,
        low=1,
        high=MAX_K,
    ),
    Option(
        "accept_accuracy",
        "number",
        "abstain unless so many of such answers are right",
        "0.95",
        verbs=CLASSIFY,
        low=0,
        high=1,
        exclusive=True,
        unit="a share",
    ),
    Option(
        "labels",
        "labels",
        "choose one of these labels by what they say, where the encoder reads texts; nothing in "
        "the catalog needs a label",
        "mug,plate,lamp",
        verbs=CLASSIFY,
    ),
    Option(
        "with",
        "text",
        "a trained classifier (`eyedex train`) that answers instead of the vote",
        "svm",
        metavar="NAME",
        verbs=CLASSIFY,
        argument="classifier",
    ),
)
SUBJECTS = ("image_base64", "item_id", "query_token", "vector", "text")
"""Beside an uploaded `image`: what is asked about."""
EXAMPLES = ("like", "unlike")
"""Of a search: lists of examples, beside a subject or instead."""
