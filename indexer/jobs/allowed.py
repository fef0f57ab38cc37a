"""Which files jobs may read: those below the directories that the operator lists."""

from pathlib import Path

from search_engine.config import Settings
from search_engine.errors import ParameterError, SourceDeniedError

WHERE = "source.path"


def allowed_path(settings: Settings, given: str) -> Path:
    """The file or folder of a path, if it is below one of the listed directories.

    Args:
        settings: `sources` lists the directories.
        given: A path, absolute or below one of them.

    Raises:
        SourceDeniedError: It is not, or a link leads out; nothing is told of what is there.
        ParameterError: Nothing is there.
    """
    roots = [Path(each.strip()).resolve() for each in settings.sources.split(",") if each.strip()]
    if not roots:
        raise SourceDeniedError(
            "this server reads no directories",
            where=WHERE,
            fix="upload the files, or list directories in EYEDEX_SOURCES",
        )
    places = [_below(root, given) for root in roots]
    inside = [path for path in places if path is not None]
    for path in inside:
        if path.exists():
            return path
    if not inside or (None in places and not Path(given).is_absolute()):
        raise SourceDeniedError(
            "not below a directory that may be read", where=WHERE, fix="see EYEDEX_SOURCES"
        )
    raise ParameterError("there is no such file or folder", where=WHERE)


def _below(root: Path, given: str) -> Path | None:
    try:
        path = (root / given).resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL
        return None
    return path if path.is_relative_to(root) else None
