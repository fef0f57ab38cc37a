"""`sift` and `orb`: bags of visual words, with a vocabulary learned from the catalog's pictures.

Sivic and Zisserman, "Video Google", ICCV 2003. Local features are assigned to the nearest word; a
picture is described by how often each word occurs. SIFT is Lowe's, IJCV 2004, with the square roots
of Arandjelovic and Zisserman, CVPR 2012 (RootSIFT); ORB is Rublee et al., ICCV 2011. SURF is left
out: it was patented, and OpenCV's packages lack it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.base import EncoderSpec
from search_engine.encoders.gradients import grey
from search_engine.encoders.opencv_import import import_opencv
from search_engine.encoders.pictures import PictureEncoder
from search_engine.encoders.poolings import refuse_pooling
from search_engine.encoders.registry import EncoderRequest
from search_engine.encoders.weights import file_sha256
from search_engine.errors import ParameterError, WeightsError
from search_engine.images import Preprocessing

Floats = NDArray[np.float32]

WORDS = 512
FEATURES_A_WORD = 40
"""Features needed a word; with fewer features a vocabulary has fewer words."""

FEATURES_A_PICTURE = 300
SEED = 0
ROUNDS = 20

PREPROCESSING = Preprocessing(size_px=256, resize_px=256, fit="squash", interpolation="bilinear")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words as centres of features, shape (W, D), and how distinctive each word is, shape (W,)."""

    kind: str
    centres: Floats
    rarity: Floats


def sift(request: EncoderRequest) -> PictureEncoder:
    """Factory for the registry."""
    return _bag_of_words(request)


def orb(request: EncoderRequest) -> PictureEncoder:
    """Factory for the registry."""
    return _bag_of_words(request)


def _bag_of_words(request: EncoderRequest) -> PictureEncoder:
    refuse_pooling(request.pooling, request.name)
    import_opencv()
    if request.weights is None:
        raise WeightsError(
            f"the {request.name} encoder needs a vocabulary",
            where="--weights",
            fix=f"learn one: eyedex encoders --learn-vocabulary {request.name} --from FOLDER "
            "--out FILE",
        )
    digest = file_sha256(request.weights)
    vocabulary = load_vocabulary(request.weights, request.name)
    spec = EncoderSpec(
        name=request.name,
        dimension=len(vocabulary.centres),
        preprocessing=PREPROCESSING,
        weights_sha256=digest,
        pooling="words",
    )
    made = spec.as_made(request.fingerprint)
    return PictureEncoder(made, lambda picture: bag(picture, vocabulary), "opencv")


def bag(picture: NDArray[np.uint8], vocabulary: Vocabulary) -> Floats:
    """Count each word in a picture: square roots, weighted by rarity; shape (W,)."""
    words = _nearest(local_features(picture, vocabulary.kind), vocabulary.centres)
    counts = np.bincount(words, minlength=len(vocabulary.centres)).astype(np.float32)
    return np.sqrt(counts) * vocabulary.rarity


def local_features(picture: NDArray[np.uint8], kind: str) -> Floats:
    """Compute the features of an RGB picture, shape (N, D); N may be 0.

    Raises:
        ParameterError: There are no features of that kind.
    """
    if kind not in _KINDS:
        raise ParameterError(
            f"there are no visual words of {kind}", fix=f"known: {', '.join(_KINDS)}"
        )
    return _KINDS[kind](import_opencv(), grey(picture))


def learn_vocabulary(kind: str, pictures: Iterable[NDArray[np.uint8]]) -> Vocabulary:
    """Learn words for such pictures by k-means; the same pictures give the same words.

    Args:
        kind: `sift` or `orb`.
        pictures: RGB, each of shape (256, 256, 3), some hundred.

    Raises:
        ParameterError: The pictures have too few features.
    """
    import faiss

    found = [local_features(picture, kind) for picture in pictures]
    features = np.concatenate(found) if found else np.empty((0, 0), dtype=np.float32)
    count = min(WORDS, len(features) // FEATURES_A_WORD)
    if count < 2:
        raise ParameterError(
            f"{len(features)} local features are in {len(found)} pictures: too few for words",
            fix="give more pictures, or more detailed ones",
        )
    means = faiss.Kmeans(features.shape[1], count, niter=ROUNDS, seed=SEED, verbose=False)
    means.train(features)
    centres = np.asarray(means.centroids, dtype=np.float32)
    holders = np.zeros(count)
    for one in found:
        holders[np.unique(_nearest(one, centres))] += 1
    rarity = np.log((1 + len(found)) / (1 + holders)) + 1
    return Vocabulary(kind, centres, rarity.astype(np.float32))


def save_vocabulary(path: Path, vocabulary: Vocabulary) -> None:
    """Write a vocabulary as safetensors: numbers, nothing executable.

    Raises:
        WeightsError: It cannot be written.
    """
    from safetensors.numpy import save

    arrays = {"centres": vocabulary.centres, "rarity": vocabulary.rarity}
    try:
        path.write_bytes(save(arrays, {"vocabulary": vocabulary.kind}))
    except OSError as error:
        raise WeightsError(
            f"the vocabulary cannot be written: {error.strerror}", where=str(path)
        ) from error


def load_vocabulary(path: Path, kind: str) -> Vocabulary:
    """Read a vocabulary.

    Raises:
        WeightsError: The file is damaged, not a vocabulary, or one of another kind.
    """
    from safetensors import safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            described = file.metadata() or {}
            centres, rarity = (file.get_tensor(name) for name in ("centres", "rarity"))
    except Exception as error:  # damaged files raise many kinds of errors
        raise WeightsError("the file holds no vocabulary", where=str(path)) from error
    if described.get("vocabulary") != kind:
        raise WeightsError(f"the file holds no vocabulary of {kind}", where=str(path))
    if not _is_sound(centres, rarity, kind):
        raise WeightsError("the vocabulary is damaged", where=str(path))
    return Vocabulary(kind, centres, rarity)


def _is_sound(centres: NDArray[Any], rarity: NDArray[Any], kind: str) -> bool:
    return (
        centres.dtype == rarity.dtype == np.float32
        and centres.ndim == 2
        and centres.shape[1] == _WIDTHS[kind]
        and rarity.shape == centres.shape[:1]
        and len(rarity) >= 2
        and bool(np.isfinite(centres).all() and np.isfinite(rarity).all())
    )


def _nearest(features: Floats, centres: Floats) -> NDArray[np.int64]:
    """Return the nearest centre of each feature."""
    if len(features) == 0:
        return np.empty(0, dtype=np.int64)
    halves = 0.5 * np.square(centres).sum(axis=1)
    return np.asarray((features @ centres.T - halves).argmax(axis=1))


def _root_sift(cv2: Any, level: NDArray[np.uint8]) -> Floats:
    _, found = cv2.SIFT_create(nfeatures=FEATURES_A_PICTURE).detectAndCompute(level, None)
    if found is None:
        return np.empty((0, _WIDTHS["sift"]), dtype=np.float32)
    sums = np.maximum(found.sum(axis=1, keepdims=True), 1.0)
    return np.asarray(np.sqrt(found / sums), dtype=np.float32)


def _orb_bits(cv2: Any, level: NDArray[np.uint8]) -> Floats:
    """Return the 256 bits of each feature as -1 and 1: inner products count equal bits."""
    _, found = cv2.ORB_create(nfeatures=FEATURES_A_PICTURE).detectAndCompute(level, None)
    if found is None:
        return np.empty((0, _WIDTHS["orb"]), dtype=np.float32)
    return np.unpackbits(found, axis=1).astype(np.float32) * 2 - 1


_WIDTHS = MappingProxyType({"sift": 128, "orb": 256})
_KINDS: Mapping[str, Callable[[Any, NDArray[np.uint8]], Floats]] = MappingProxyType(
    {"sift": _root_sift, "orb": _orb_bits}
)
