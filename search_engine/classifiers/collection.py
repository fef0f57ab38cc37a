"""Train a classifier on the items of a collection."""

from search_engine.catalog.fields import check_field
from search_engine.catalog.store import Catalog
from search_engine.classifiers import storage
from search_engine.classifiers.base import TrainedModel
from search_engine.classifiers.registry import create_classifier
from search_engine.classifiers.storage import Origin, StoredClassifier
from search_engine.collections.labelled import read_gallery


def train(catalog: Catalog, collection: str, name: str, target: str = "label") -> StoredClassifier:
    """Train a classifier on the items that have a value of the target, and store it.

    Raises:
        CollectionNotFoundError: There is no such collection.
        ParameterError: There is no such classifier or field, it has lists of values, or there
            is too little to learn from.
        StorageError: It cannot be stored.
    """
    classifier = create_classifier(name)
    record = catalog.collection(collection)
    check_field(catalog, catalog.collection(collection), target, "target")
    seq = catalog.seq()  # read before the items, so that later changes make it stale
    gallery = read_gallery(catalog, collection, target, single=True)
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
    storage.save(catalog.paths.classifiers(collection), stored)
    return stored
