"""Geometric verification: pictures of the very same thing come first.

Philbin et al., "Object retrieval with large vocabularies and fast spatial matching", CVPR 2007: of
the first candidates those come before all others whose local features are arranged as those of the
query, most agreement first. It is for near-identical things, packages, prints, covers; what merely
looks alike has no features in common and stays where it was. It decodes the candidates' pictures.
"""

import numpy as np

from search_engine.records import Keys
from search_engine.search.rerank.base import Candidates, by_score, followed_by
from search_engine.search.rerank.local_features import inliers

VERIFIED = 20


def verify(found: Candidates) -> Keys:
    """The first candidates by the number of features that agree, where it is beyond chance."""
    first = found.keys[:VERIFIED]
    if len(first) < 2:
        return found.keys
    asked = found.pictures.query()
    items = found.pictures.items(first)
    agreeing = np.array([0 if one is None else inliers(asked, one) for one in items])
    return followed_by(by_score(first, agreeing), found.keys)
