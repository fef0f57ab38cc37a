"""The classifiers of a collection: trained on its items, stored beside its index, used again."""

from dataclasses import dataclass

from sqlalchemy import select

from search_engine.catalog.store import Collection
from search_engine.catalog.tables import items
from search_engine.classifiers import storage
from search_engine.classifiers.base import TrainedModel
from search_engine.classifiers.registry import create_classifier
from search_engine.classifiers.storage import Origin, StoredClassifier
from search_engine.engine import SearchEngine
from search_engine.errors import CorruptDataError, ModelMismatchError, NotFoundError
from search_engine.gallery import read_gallery


@dataclass(frozen=True, slots=True)
class OpenedClassifier:
    """A stored classifier that fits the collection; `stale` when items changed since training."""

    model: TrainedModel
    origin: Origin
    stale: bool

    @property
    def note(self) -> str | None:
        """What should be said beside its answers."""
        if not self.stale:
            return None
        return (
            f"the collection changed since {self.model.name} was trained; "
            f"{training_verb(self.model.name, self.origin.target)} brings it up to date"
        )


def train(
    engine: SearchEngine, collection: str, name: str, target: str = "label"
) -> StoredClassifier:
    """Train a classifier on the items that have a value of the target, and store it.

    Raises:
        CollectionNotFoundError: There is no such collection.
        ParameterError: There is no such classifier or field, or too little to learn from.
        StorageError: It cannot be stored.
    """
    classifier = create_classifier(name)
    record = engine.catalog.collection(collection)
    engine.check_field(engine.live(collection), target, "target")
    seq = engine.catalog.seq()  # before the items are read: what changes meanwhile makes it stale
    gallery = read_gallery(engine, collection, target)
    rows = [row for row, label in enumerate(gallery.labels) if label is not None]
    labels = [label for label in gallery.labels if label is not None]
    products = [gallery.products[row] for row in rows] if target != "product_id" else []
    model = classifier.fit(gallery.vectors[rows], labels, products)
    assert isinstance(model, TrainedModel)
    origin = Origin(
        collection_uid=record.uid,
        fingerprint=record.fingerprint or "",
        target=target,
        seq=seq,
        items=len(rows),
    )
    stored = StoredClassifier(model, origin)
    storage.save(engine.catalog.paths.classifiers(collection), stored)
    return stored


def open_classifier(
    engine: SearchEngine, collection: str, name: str, target: str = "label"
) -> OpenedClassifier:
    """The classifier that was trained for a target of a collection.

    Raises:
        CollectionNotFoundError: There is no such collection.
        ParameterError: There is no such classifier.
        NotFoundError: It was not trained yet.
        ModelMismatchError: It learned from embeddings of another encoder.
        StorageError: The file is damaged or cannot be read.
    """
    create_classifier(name)
    record = engine.catalog.collection(collection)
    file = storage.file_of(engine.catalog.paths.classifiers(collection), name, target)
    fix = f"{training_verb(name, target)} makes it"
    try:
        stored = storage.load(file)
    except NotFoundError:
        raise NotFoundError(
            f"no {name} was trained for {target!r}", where=f"collection {collection}", fix=fix
        ) from None
    _check_origin(stored, record, name, target)
    stale = _changed_since(engine, record, stored.origin.seq)
    return OpenedClassifier(stored.model, stored.origin, stale)


def training_verb(name: str, target: str) -> str:
    """The command that trains it, for messages."""
    return f"`eyedex train --with {name}" + ("`" if target == "label" else f" --target {target}`")


def _check_origin(stored: StoredClassifier, record: Collection, name: str, target: str) -> None:
    where, fix = f"collection {record.name}", f"{training_verb(name, target)} makes a new one"
    origin = stored.origin
    if origin.collection_uid != record.uid:
        raise ModelMismatchError(
            f"{name} was trained for a former collection of this name", where=where, fix=fix
        )
    if origin.fingerprint != record.fingerprint:
        raise ModelMismatchError(
            f"{name} was trained with encoder {origin.fingerprint}, but the collection has "
            f"{record.fingerprint} now",
            where=where,
            fix=fix,
        )
    fits = (stored.model.name, origin.target, stored.model.head.dimension)
    if fits != (name, target, record.dimension):
        raise CorruptDataError(
            "the stored classifier is not the one that its file is named for", where=where, fix=fix
        )


def _changed_since(engine: SearchEngine, record: Collection, seq: int) -> bool:
    """Whether an item was added, changed or removed after a change of the catalog."""
    changed = select(items.c.key).where(items.c.collection_id == record.id, items.c.seq > seq)
    with engine.catalog.read() as connection:
        return connection.execute(changed.limit(1)).first() is not None
