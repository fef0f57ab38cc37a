"""Classifiers that a collection has: trained, found again, and refused where it changed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.clusters import cluster_collection
from indexer.declared import Clustering
from search_engine.classifiers import collection as classifiers
from search_engine.classifiers import storage
from search_engine.engine import SearchEngine
from search_engine.errors import (
    ClassifierNotFoundError,
    CorruptDataError,
    ModelMismatchError,
    NotFoundError,
    ParameterError,
)
from tests.search_engine.classifiers.test_storage import LABELS, VECTORS
from tests.small_catalog import (
    NAME,
    bound_collection,
    draft,
    put,
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SearchEngine]:
    """Forty items of three labels, each of a colour; two without a label."""
    with SearchEngine(tmp_path) as engine:
        collection = bound_collection(engine.catalog)
        drafts = [
            draft(f"item {n}", VECTORS[n], label=label, attributes={"colour": f"k{n % 2}"})
            for n, label in enumerate(LABELS)
        ]
        put(engine.catalog, collection, [*drafts, draft("x"), draft("y")])
        yield engine


def test_a_classifier_is_trained_stored_and_used(engine: SearchEngine) -> None:
    made = classifiers.train(engine.catalog, NAME, "svm")
    assert (made.origin.items, made.origin.target) == (40, "label")
    assert made.model.classes == ("c0", "c1", "c2")
    opened = engine.classifier("svm")
    assert not opened.stale
    assert opened.note is None
    assert opened.origin == made.origin
    np.testing.assert_array_equal(
        opened.model.predict_proba(VECTORS), made.model.predict_proba(VECTORS)
    )


def test_each_target_has_its_own(engine: SearchEngine) -> None:
    classifiers.train(engine.catalog, NAME, "class-mean")
    classifiers.train(engine.catalog, NAME, "class-mean", "colour")
    by_colour = engine.classifier("class-mean", "colour")
    assert by_colour.model.classes == ("k0", "k1")
    assert engine.classifier("class-mean").model.classes[0] == "c0"


def test_what_was_never_trained_names_the_verb(engine: SearchEngine) -> None:
    with pytest.raises(NotFoundError, match=r"eyedex train --with svm --target colour"):
        engine.classifier("svm", "colour")
    with pytest.raises(NotFoundError, match=r"`eyedex train --with svm`"):
        engine.classifier("svm")
    with pytest.raises(ClassifierNotFoundError, match="no classifier of this name"):
        engine.classifier("../svm")


def test_an_unknown_target_lists_the_fields(engine: SearchEngine) -> None:
    with pytest.raises(ParameterError, match="known: label, product_id, colour"):
        classifiers.train(engine.catalog, NAME, "class-mean", "size")


def test_a_collection_without_labels_cannot_be_learned(engine: SearchEngine) -> None:
    with pytest.raises(ParameterError, match="two labels or more, here are 0"):
        classifiers.train(engine.catalog, NAME, "class-mean", "product_id")


def test_every_change_of_an_item_makes_it_stale(engine: SearchEngine) -> None:
    def stale_after(change: Callable[[], object]) -> bool:
        classifiers.train(engine.catalog, NAME, "class-mean")
        assert not engine.classifier("class-mean").stale
        change()
        opened = engine.classifier("class-mean")
        assert opened.stale == (opened.note is not None)
        return opened.stale

    collection = engine.catalog.collection(NAME)
    assert stale_after(lambda: put(engine.catalog, collection, [draft("new", label="c0")]))
    assert stale_after(lambda: engine.describe("x", {"label": "c1"}))
    assert stale_after(lambda: engine.remove("item 3"))
    assert not stale_after(lambda: engine.create_collection("other"))


def test_lists_of_values_are_no_classes(engine: SearchEngine) -> None:
    """Each combination, such as "['red', 'new']", would be learned and answered as a class."""
    for number in range(4):
        engine.describe(f"item {number}", {"attributes": {"tags": ["red", f"t{number % 2}"]}})
    with pytest.raises(ParameterError, match=r"several values of tags each.*one value an item"):
        classifiers.train(engine.catalog, NAME, "class-mean", "tags")
    with pytest.raises(ParameterError, match="several values of tags"):
        cluster_collection(engine, NAME, Clustering(target="tags"))


def test_as_many_classes_as_items_are_learned_without_a_warning(
    engine: SearchEngine, recwarn: pytest.WarningsRecorder
) -> None:
    """A price is such a target, and the accuracy says that it is none to learn."""
    for number in range(40):
        engine.describe(f"item {number}", {"attributes": {"price": number + 0.5}})
    classifiers.train(engine.catalog, NAME, "logistic", "price")
    assert [str(one.message) for one in recwarn] == []


def test_another_encoder_is_refused(engine: SearchEngine) -> None:
    made = classifiers.train(engine.catalog, NAME, "class-mean")
    other = made.origin.model_copy(update={"fingerprint": "e" * 32})
    storage.save(engine.catalog.paths.classifiers(NAME), replace(made, origin=other))
    with pytest.raises(ModelMismatchError, match=r"trained with encoder eeee.*eyedex train"):
        engine.classifier("class-mean")


def test_a_former_collection_of_the_name_is_refused(engine: SearchEngine) -> None:
    made = classifiers.train(engine.catalog, NAME, "class-mean")
    engine.delete_collection(NAME)
    bound_collection(engine.catalog)
    storage.save(engine.catalog.paths.classifiers(NAME), made)
    with pytest.raises(ModelMismatchError, match="a former collection of this name"):
        engine.classifier("class-mean")


def test_a_file_under_the_name_of_another_is_refused(engine: SearchEngine) -> None:
    classifiers.train(engine.catalog, NAME, "class-mean")
    folder = engine.catalog.paths.classifiers(NAME)
    here = storage.file_of(folder, "class-mean", "label")
    for name, target in (("svm", "label"), ("class-mean", "colour")):
        storage.file_of(folder, name, target).write_bytes(here.read_bytes())
        with pytest.raises(CorruptDataError, match="not the one"):
            engine.classifier(name, target)
