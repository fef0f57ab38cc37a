"""Switch a collection to another encoder, chosen by name."""

from indexer.change.candidate import Candidate
from indexer.change.report import Report
from indexer.change.request import ChangeRequest, Say, Stage, without_progress
from indexer.change.sequence import change_encoder
from search_engine.encoders.external import refuse_pictures
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.engine import SearchEngine


def switch_encoder(
    engine: SearchEngine,
    collection: str,
    encoder: EncoderRequest,
    request: ChangeRequest | None = None,
    stage: Stage = without_progress,
    say: Say = lambda line: None,
) -> Report:
    """Encode a collection by another encoder, and switch to that if it is not worse.

    With too few labelled items to compare, the encoder that was asked for is used. An interrupted
    run continues where it stopped; embeddings of a refused encoder stay until another one is tried.

    Raises:
        EncoderError: There is no such encoder, or its weights are missing.
        ExternalEncoderError: Its embeddings are made elsewhere.
        ParameterError, LockHeldError, StorageError: As for `change_encoder`.
    """

    def prepare() -> Candidate:
        return Candidate(refuse_pictures(create_encoder(encoder)), encoder.options)

    return change_encoder(engine, collection, prepare, request or ChangeRequest(), stage, say)
