"""Collections, and the classifiers that were trained for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired

from typing_extensions import TypedDict

from api.schemas.shape import shape

if TYPE_CHECKING:
    from search_engine.classifiers.storage import Description
    from search_engine.encoders.registry import EncoderFamily


@shape
class EncoderIdentity(TypedDict):
    """The encoder of a collection."""

    name: str | None
    fingerprint: str | None
    """Differs wherever embeddings cannot be compared."""
    dimension: int | None
    reads_texts: bool
    """Whether `text` and `labels` can be asked with."""


class _IndexState(
    TypedDict(  # the recall has no name that a class could give
        "_IndexState",
        {
            "generation": str | None,
            "index": str | None,
            "index_recall@10": float,
            "pending": int,
        },
    )
):
    """What answers queries."""


@shape
class EncoderChoice(TypedDict):
    """An encoder that a collection can have, or a family of them."""

    name: str
    """As jobs take it; `family:<name>` where any network of the family is meant."""
    about: str
    """What it looks at, in English."""
    dimension: int | None
    """Of its embeddings; null where it depends on what is given."""
    licence: str | None
    """Of the weights that are installed with it; null where none are."""
    extra: str | None
    """The extra of the package that installs it; null where it is there without one."""
    installed: bool
    """Whether what it needs is installed on the server."""
    ready: bool
    """Whether its name alone is enough: nothing is to be installed, no weights are to be given."""
    reads_texts: bool
    """Whether `text` and `labels` can be asked with."""
    default: bool
    """Whether it is taken where none is named."""


@shape
class EncoderList(TypedDict):
    """The encoders that there are."""

    encoders: list[EncoderChoice]
    """The default first."""


@shape
class Collection(_IndexState):
    """A collection: its size, its encoder, and the index that answers queries.

    `generation` is null while there is none; `index` is its kind as a FAISS factory string, null
    where everything is compared with; `index_recall@10` the share of the 10 nearest items that it
    finds; `pending` the changes since it was built.
    """

    name: str
    items: int
    unsearchable: int
    """Items without an embedding by this encoder."""
    encoder: EncoderIdentity | None
    """Null until something was indexed."""
    fields: list[str]
    """Names of the attributes that items have or had."""
    patches: int
    """How many crops of each picture searches compare with, too; 0 for none."""
    patched: int
    """How many items have these."""


@shape
class CollectionList(TypedDict):
    """All collections."""

    collections: list[Collection]
    """By name."""


@shape
class NewCollection(TypedDict):
    """What a collection is made of."""

    name: str
    """Lower-case letters, digits, - and _; 1 to 63 of them, a letter or digit first."""


@shape
class Classifier(TypedDict):
    """A trained classifier: what it learned from, and how often it was right."""

    classifier: str
    """Its name, for `with` of classify."""
    target: str
    """What it classifies by."""
    items: int
    """How many it learned from."""
    classes: int
    held_out_accuracy: float | None
    """On items that it had not seen; null where none could be held out."""
    temperature: float
    encoder: str
    """Fingerprint of the encoder."""
    seq: int
    """Number of the last change of the catalog that it knew of."""
    outdated: NotRequired[bool]
    """Whether items changed since."""


@shape
class ClassifierList(TypedDict):
    """The trained classifiers of a collection."""

    classifiers: list[Classifier]
    """By name and target."""


def classifier_json(found: Description) -> Classifier:
    """A trained classifier as answers have it."""
    accuracy = found.held_out_accuracy
    return {
        "classifier": found.name,
        "target": found.origin.target,
        "items": found.origin.items,
        "classes": len(found.classes),
        "held_out_accuracy": None if accuracy is None else round(accuracy, 5),
        "temperature": round(found.temperature, 5),
        "encoder": found.origin.fingerprint,
        "seq": found.origin.seq,
    }


def encoder_json(family: EncoderFamily) -> EncoderChoice:
    """What people should know of a family of encoders before they take one of it."""
    from search_engine.encoders.registry import DEFAULT_ENCODER  # as heavy as encoders are

    return {
        "name": family.usage,
        "about": family.about,
        "dimension": family.dimension,
        "licence": family.licence,
        "extra": family.extra and family.extra[0],
        "installed": family.installed,
        "ready": family.ready,
        "reads_texts": family.texts,
        "default": family.name == DEFAULT_ENCODER,
    }
