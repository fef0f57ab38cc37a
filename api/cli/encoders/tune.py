"""The verb that adapts the encoder to the catalog."""

from api.cli.encoders.report import changed
from api.cli.flags import with_flags
from api.cli.options import CollectionOption, DataOption, JsonOption, open_engine
from indexer.declared import Tuning


@with_flags(wanted=Tuning)
def tune(
    data: DataOption = None,
    collection: CollectionOption = "default",
    *,
    wanted: Tuning,
    as_json: JsonOption = False,
) -> None:
    """Adapt the encoder to the catalog's own labels, in seconds, or in minutes with --finetune.

    What is learned has to prove itself on products (or scenes) that it did not learn from, and is
    refused when it is not better. Searches go on meanwhile and use it from the next one on. A
    training that is interrupted goes on when it is started again.
    """
    from indexer.change.wanted import tune

    params = {**vars(wanted), "minutes": wanted.minutes if wanted.finetune else None}
    with open_engine(data) as engine:
        changed(
            engine.settings,
            collection,
            "tune",
            params,
            lambda stage: tune(engine, collection, wanted, stage),
            as_json,
        )
