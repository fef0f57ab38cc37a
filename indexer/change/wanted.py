"""Changes of encoder as jobs and verbs ask for them."""

from indexer.change.finetune import finetune_collection
from indexer.change.report import Report
from indexer.change.request import ChangeRequest, Say, Stage
from indexer.change.sequence import undo_change
from indexer.change.switch import switch_encoder
from indexer.change.tune import tune_collection
from indexer.declared import Changing, Switching, Tuning
from search_engine.adapt.plan import TrainingPlan
from search_engine.encoders.registry import EncoderRequest
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError


def tune(engine: SearchEngine, collection: str, wanted: Tuning, stage: Stage) -> Report:
    """Adapt the encoder, training the network too if that is wanted, or undo the last change.

    Raises:
        EyedexError: It cannot be done.
    """
    if wanted.undo:
        return _undo(engine, collection, wanted, stage)
    request = _request(wanted)
    if not wanted.finetune:
        return tune_collection(engine, collection, request, wanted.layers, stage)
    plan = TrainingPlan(minutes=wanted.minutes)
    return finetune_collection(engine, collection, request, wanted.layers, plan, stage)


def switch(
    engine: SearchEngine,
    collection: str,
    wanted: Switching,
    encoder: EncoderRequest,
    stage: Stage,
    say: Say = lambda line: None,
) -> Report:
    """Give a collection another encoder, or undo the last change.

    Raises:
        EyedexError: It cannot be done.
    """
    if wanted.undo:
        return _undo(engine, collection, wanted, stage)
    return switch_encoder(engine, collection, encoder, _request(wanted), stage, say)


def _undo(engine: SearchEngine, collection: str, wanted: Changing, stage: Stage) -> Report:
    if wanted.dry_run:
        raise ParameterError(
            "undoing is not tried first", where="dry_run", fix="leave out one of both"
        )
    return undo_change(engine, collection, wanted.force, stage)


def _request(wanted: Changing) -> ChangeRequest:
    return ChangeRequest(wanted.target, wanted.force, wanted.dry_run, group_by=wanted.group_by)
