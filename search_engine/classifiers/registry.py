"""Classifiers by name. A new one is a line here and a function in `estimators`."""

from dataclasses import dataclass

from search_engine.classifiers import estimators
from search_engine.classifiers.base import Classifier
from search_engine.classifiers.training import HeadClassifier
from search_engine.errors import ParameterError

KERNEL_ITEMS = 10_000
"""Items that a kernel classifier can learn from; its matrix then takes 800 MB."""


@dataclass(frozen=True, slots=True)
class ClassifierKind:
    """A kind of classifier; `most_items` limits what it can learn from, None without a limit."""

    name: str
    about: str
    learn: estimators.Learn
    most_items: int | None = None


KINDS = (
    ClassifierKind("class-mean", "the nearest mean of a class", estimators.class_mean),
    ClassifierKind("logistic", "logistic regression, a softmax head", estimators.logistic),
    ClassifierKind("linear-svm", "linear support vector machine", estimators.linear_svm),
    ClassifierKind(
        "svm",
        "support vector machine with a radial basis function",
        estimators.rbf_svm,
        most_items=KERNEL_ITEMS,
    ),
    ClassifierKind("forest", "random forest", estimators.forest),
)

_BY_NAME = {kind.name: kind for kind in KINDS}


def create_classifier(name: str) -> Classifier:
    """Create the classifier of a name.

    Raises:
        ParameterError: There is no such classifier.
    """
    kind = _BY_NAME.get(name)
    if kind is None:
        raise ParameterError(
            f"there is no classifier {name!r}", where="with", fix=f"known: {', '.join(_BY_NAME)}"
        )
    return HeadClassifier(kind.name, kind.learn, kind.most_items)
