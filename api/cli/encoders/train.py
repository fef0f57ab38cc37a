"""The verb that trains a classifier on a collection."""

from typing import Annotated

import typer

from api.cli.options import CollectionOption, DataOption, JsonOption, TargetOption, open_engine
from api.cli.terminal.output import print_json
from api.cli.terminal.progress import progress
from api.schemas.collections import classifier_json

NAMES = ("class-mean", "logistic", "linear-svm", "svm", "forest")
"""Those of `search_engine.classifiers.registry`, which takes too long to import for `--help`."""

WithOption = Annotated[
    str, typer.Option("--with", help=f"{', '.join(NAMES[:-1])} or {NAMES[-1]}.", metavar="NAME")
]


def train(
    classifier: WithOption,
    data: DataOption = None,
    collection: CollectionOption = "default",
    target: TargetOption = "label",
    as_json: JsonOption = False,
) -> None:
    """Train a classifier on the items of a collection and store it, for `classify --with`.

    Accuracy is that of items held out in turn, photos of one product or scene together.
    """
    import time

    from search_engine.classifiers.collection import train as train_classifier

    started = time.perf_counter()
    with open_engine(data) as engine, progress(f"training {classifier}", 1) as advance:
        stored = train_classifier(engine.catalog, collection, classifier, target)
        advance(1)
    seconds = round(time.perf_counter() - started, 3)
    model, origin = stored.model, stored.origin
    accuracy = model.held_out_accuracy
    if as_json:
        print_json({**classifier_json(stored.description), "seconds": seconds})
        return
    right = "nothing could be held out" if accuracy is None else f"{accuracy:.1%} right held out"
    print(
        f"{model.name}: {origin.items:,} items, {len(model.classes):,} classes of {origin.target}, "
        f"{right}, {seconds:.1f} s"
    )
