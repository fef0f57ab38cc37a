"""The only module that imports OpenCV, an optional package."""

from importlib.util import find_spec
from typing import Any

from search_engine.errors import MissingExtraError


def import_opencv(who: str = "this encoder") -> Any:
    """Import cv2.

    Raises:
        MissingExtraError: It is not installed.
    """
    if find_spec("cv2") is None:
        raise MissingExtraError(
            f"{who} needs OpenCV, which is not installed", fix="pip install 'eyedex[classic]'"
        )
    import cv2

    return cv2
