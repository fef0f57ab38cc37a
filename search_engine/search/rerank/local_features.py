"""Local features of a picture, and how many of two pictures' features agree on where they are.

SIFT is Lowe's, "Distinctive image features from scale-invariant keypoints", IJCV 2004, as is the
test that the best match must be clearly better than the second; descriptors are compared by their
square roots (RootSIFT, Arandjelovic and Zisserman, CVPR 2012). Matches that fit one affine map are
found by RANSAC (Fischler and Bolles, CACM 1981). How many of them tell the same thing from chance
is by Brown and Lowe, "Automatic panoramic image stitching using invariant features", IJCV 2007.
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search_engine.encoders.gradients import grey
from search_engine.encoders.opencv_import import import_opencv
from search_engine.images import Box, crop_box

Points = NDArray[np.float32]
"""Places in a picture, x and y in pixels, shape (N, 2)."""

WHO = "geometric verification"
SIDE_PX = 480
"""Pictures are looked at with this long side."""
MOST_ENLARGED = 4
FEATURES_A_PICTURE = 500
RATIO = 0.8
"""A match is at most so far away as share of the second best one (Lowe 2004, section 7.1)."""
RANSAC_PX = 6.0
LEAST_INLIERS = 8
INLIERS_A_MATCH = 0.3
"""More inliers than 8 and 0.3 a match are no chance (Brown and Lowe 2007, section 3.2)."""
MOST_STRETCH = 8.0
"""An affine map that makes a length so many times longer or shorter is no other view of a thing."""


@dataclass(frozen=True, slots=True, eq=False)
class LocalFeatures:
    """Where they are, (N, 2), and what they look like, (N, 128), uint8; N may be 0."""

    points: Points
    descriptors: NDArray[np.uint8]

    @classmethod
    def none(cls) -> "LocalFeatures":
        """Of a picture in which nothing stands out, or which cannot be read."""
        return cls(np.empty((0, 2), np.float32), np.empty((0, 128), np.uint8))


def side_px(box: Box | None) -> int:
    """The long side to render a picture with, so that a region of it is as large as a whole one."""
    share = 1.0 if box is None else max(box[2], box[3], 1 / MOST_ENLARGED)
    return round(SIDE_PX / share)


def local_features(jpeg: bytes, box: Box | None = None) -> LocalFeatures:
    """The SIFT features of a picture, or a region of it, at most 500 and the strongest.

    Args:
        jpeg: As our own decoder rendered it, so within its limits.
        box: Look at this region only.

    Raises:
        MissingExtraError: OpenCV is not installed.
    """
    cv2 = import_opencv(WHO)
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
        level = grey(np.asarray(crop_box(picture.convert("RGB"), box)))
    keypoints, found = cv2.SIFT_create(nfeatures=FEATURES_A_PICTURE).detectAndCompute(level, None)
    if found is None:
        return LocalFeatures.none()
    points = np.array([each.pt for each in keypoints], dtype=np.float32)
    return LocalFeatures(points, found.astype(np.uint8))


def inliers(one: LocalFeatures, other: LocalFeatures) -> int:
    """How many features of two pictures match and agree on one affine map between them.

    0 where those are so few that chance explains them. The same features give the same number.
    """
    first, second = matches(one, other)
    if len(first) <= LEAST_INLIERS:
        return 0
    cv2 = import_opencv(WHO)
    affine, agree = cv2.estimateAffine2D(
        one.points[first], other.points[second], ransacReprojThreshold=RANSAC_PX
    )
    if affine is None or not _is_plausible(affine[:, :2]):
        return 0
    count = int(agree.sum())
    return count if count > LEAST_INLIERS + INLIERS_A_MATCH * len(first) else 0


def matches(
    one: LocalFeatures, other: LocalFeatures
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of features that match, (M,) each; every feature is in one match at most."""
    if len(one.points) == 0 or len(other.points) < 2:
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing
    likeness = _roots(one.descriptors) @ _roots(other.descriptors).T
    best = np.argpartition(-likeness, 1, axis=1)[:, :2]
    best_two = np.sort(np.take_along_axis(likeness, best, axis=1), axis=1)[:, ::-1]
    nearest = likeness.argmax(axis=1)
    squares = 2 - 2 * np.minimum(best_two, 1.0)
    clear = np.flatnonzero(squares[:, 0] < RATIO**2 * squares[:, 1])
    strongest = clear[np.argsort(-best_two[clear, 0], kind="stable")]
    _, firsts = np.unique(nearest[strongest], return_index=True)
    kept = np.sort(strongest[firsts])
    return kept, nearest[kept]


def _roots(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    sums = np.maximum(descriptors.sum(axis=1, dtype=np.float32, keepdims=True), 1.0)
    return np.asarray(np.sqrt(descriptors / sums), dtype=np.float32)


def _is_plausible(linear: NDArray[np.float64]) -> bool:
    """Whether a map (2, 2) could be another view of a flat thing, not a collapse to a line."""
    largest, smallest = np.linalg.svd(linear, compute_uv=False)
    return bool(np.isfinite(largest) and smallest * MOST_STRETCH >= 1 and largest <= MOST_STRETCH)
