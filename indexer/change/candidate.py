"""Candidates: encoders that a collection may switch to, and what is known of their quality."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from indexer.change.report import Learning, Refusal
from search_engine.adapt.gate import Verdict
from search_engine.catalog.collection_rows import Collection
from search_engine.collections.encoders import NETWORK, PROJECTION
from search_engine.encoders.base import Encoder
from search_engine.encoders.projection import ProjectedEncoder, Projection
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError

NOT_BETTER = Refusal("not_better", "not shown to be better")


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict of held-out items on a candidate (None without any), and reasons to refuse it."""

    verdict: Verdict | None
    refusals: list[Refusal]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An encoder, with the options that build it again from its name.

    `learned` holds data that options name by hash. A candidate without a `judgement` is judged by
    its embeddings, once all items have one.
    """

    encoder: Encoder
    options: Mapping[str, str]
    learned: Mapping[str, bytes] = field(default_factory=dict)
    learning: Learning | None = None
    judgement: Judgement | None = None

    def given_to(self, record: Collection) -> Collection:
        """Return the collection as it would be with this encoder."""
        spec = self.encoder.spec
        return replace(
            record,
            encoder=spec.name,
            encoder_options=dict(self.options),
            fingerprint=spec.fingerprint,
            dimension=spec.dimension,
        )


def with_projection(
    plain: Candidate,
    base: Candidate,
    projection: Projection,
    verdict: Verdict | None,
    network: bytes | None = None,
) -> Candidate:
    """Put a learned projection behind an encoder.

    Args:
        plain: The encoder before anything was learned.
        base: The encoder to put the projection behind.
        projection: What was learned.
        verdict: The verdict on what was learned; None if there was nothing to judge by.
        network: The weights file of the base, if its network was fine-tuned.
    """
    data = {PROJECTION: projection.data}
    if network is not None:
        data[NETWORK] = network
    encoder, origin = ProjectedEncoder(base.encoder, projection), projection.origin
    return Candidate(
        encoder,
        {**base.options, **{name: hashlib.sha256(each).hexdigest() for name, each in data.items()}},
        data,
        Learning(
            items=origin.items,
            classes=origin.classes,
            shrinkage=origin.shrinkage,
            pooling=encoder.spec.pooling,
            dimension_before=plain.encoder.spec.dimension,
        ),
        Judgement(verdict, [NOT_BETTER] if origin.forced else []),
    )


def indexed(engine: SearchEngine, collection: str) -> Collection:
    """Return a collection that has an encoder.

    Raises:
        ParameterError: Nothing was indexed yet.
    """
    record = engine.catalog.collection(collection)
    if record.fingerprint is None:
        raise ParameterError(
            "nothing is indexed yet", fix="`eyedex index --encoder` chooses the encoder"
        )
    return record
