"""Training a classifier on the items of a collection."""

from search_engine.classifiers import storage
from search_engine.classifiers.base import TrainedModel
from search_engine.classifiers.registry import create_classifier
from search_engine.classifiers.storage import Origin, StoredClassifier
from search_engine.collections.labelled import read_gallery
from search_engine.engine import SearchEngine


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
