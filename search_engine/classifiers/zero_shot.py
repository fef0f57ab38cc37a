"""Classify by labels that nothing was ever given: each is a text, and the nearest one is taken.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021,
section 3.1: a label stands in several sentences, whose embeddings are averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from search_engine.classifiers.base import Probabilities, softmax
from search_engine.classifiers.question import ModelQuestion, refuse_votes
from search_engine.encoders.base import Encoder, unit_rows
from search_engine.encoders.texts import TextEncoder, text_encoder
from search_engine.records import Vectors
from search_engine.vote.question import NEIGHBORS, Wanted

SENTENCES = (
    "a photo of a {}.",
    "a product photo of a {}.",
    "a photo of a {} in a shop.",
    "a close-up of a {}.",
    "a {} on a plain background.",
)


@dataclass(frozen=True, slots=True)
class LabelTexts:
    """Labels as texts: a Model that nothing was learned for. `vectors` are unit rows (C, D)."""

    classes: tuple[str, ...]
    vectors: Vectors = field(repr=False)
    scale: float
    calibrated: bool = False

    def predict_proba(self, vectors: Vectors) -> Probabilities:
        """See Model: the softmax of scaled cosines."""
        scores = self.scale * (vectors.astype(np.float64) @ self.vectors.T.astype(np.float64))
        return np.asarray(softmax(scores), dtype=np.float32)


def ask_labels(encoder: Encoder, labels: Sequence[str], wanted: Wanted) -> ModelQuestion:
    """Make the question which of some labels a picture shows.

    Args:
        encoder: That of the collection.
        labels: In alphabetical order, at least two; of a path the last part is read.
        wanted: The options of the classification.

    Raises:
        ParameterError: The encoder reads no texts, or an option is about a vote.
    """
    refuse_votes(wanted, "a choice of labels")
    reader = text_encoder(encoder, "labels")
    model = LabelTexts(tuple(labels), _vectors(reader, labels), reader.logit_scale)
    return ModelQuestion(model, wanted.shown(NEIGHBORS), uncalibrated_because="labels")


def _vectors(encoder: TextEncoder, labels: Sequence[str]) -> Vectors:
    """Unit rows of labels, the means of those of their sentences, (C, D)."""
    words = [label.rpartition("/")[2].replace("_", " ") for label in labels]
    rows = encoder.encode_texts([text.format(each) for each in words for text in SENTENCES])
    return unit_rows(rows.reshape(len(labels), len(SENTENCES), -1).mean(axis=1))
