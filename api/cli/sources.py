"""How a source is read, as flags of each verb that reads one."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from api.cli.flags import flag, in_place_of

if TYPE_CHECKING:
    from indexer.sources import SourceOptions

_FLAGS: dict[str, Any] = {
    "label_from": Annotated[
        str | None,
        typer.Option(
            help="Where labels come from: parent (the sub-folder), or a column.",
            metavar="parent|COLUMN",
        ),
    ],
    "map": Annotated[
        list[str] | None,
        typer.Option(
            help="Column of item_id, image, label or product_id, if it has another name.",
            metavar="FIELD=COLUMN",
        ),
    ],
    "type": Annotated[
        list[str] | None,
        typer.Option(
            help="Type of a column: text, number, boolean, date:dmy, list:| and so on.",
            metavar="COLUMN=TYPE",
        ),
    ],
    "label_separator": Annotated[
        str | None,
        typer.Option(help="What stands between the levels of a label, such as >.", metavar="TEXT"),
    ],
    "delimiter": Annotated[
        str | None,
        typer.Option(help="What stands between the cells of a CSV file.", metavar="CHARACTER"),
    ],
    "encoding": Annotated[str | None, typer.Option(help="Encoding of a CSV file.", metavar="NAME")],
    "sheet": Annotated[
        str | None, typer.Option(help="Sheet of a workbook to read.", metavar="TITLE")
    ],
    "include": Annotated[
        list[str] | None,
        typer.Option(help="Only files of a folder with such a path, like Shoes/*.", metavar="GLOB"),
    ],
    "exclude": Annotated[
        list[str] | None,
        typer.Option(help="No files of a folder with such a path.", metavar="GLOB"),
    ],
    "follow_links": Annotated[
        bool, typer.Option("--follow-links", help="Enter folders behind symbolic links.")
    ],
    "id_col": Annotated[
        str | None, typer.Option(help="As --map item_id=COLUMN.", metavar="COLUMN", hidden=True)
    ],
    "image_col": Annotated[
        str | None, typer.Option(help="As --map image=COLUMN.", metavar="COLUMN", hidden=True)
    ],
}


def with_source_flags(
    without: Sequence[str] = (), if_any: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a verb the flags that say how a source is read, in place of its parameter `reading`.

    It gets what they say as one `SourceOptions`.

    Args:
        without: Names of flags that the verb has no use for.
        if_any: It gets None where no flag is given, and nothing is loaded to make that of.
    """

    kinds = {name: kind for name, kind in _FLAGS.items() if name not in without}
    flags = [
        flag(name, kind, False if get_args(kind)[0] is bool else None)
        for name, kind in kinds.items()
    ]

    def reading(**given: Any) -> "SourceOptions | None":
        if if_any and not any(given.values()):
            return None
        return _options(**{**dict.fromkeys(_FLAGS), "follow_links": False, **given})

    return lambda verb: in_place_of(verb, "reading", flags, reading)


def _options(
    label_from: str | None,
    map: list[str] | None,
    type: list[str] | None,
    include: list[str] | None,
    exclude: list[str] | None,
    id_col: str | None,
    image_col: str | None,
    **rest: Any,
) -> "SourceOptions":
    from indexer.sources import SourceOptions

    columns = pairs("--map", map, "FIELD=COLUMN")
    for field, column in (("item_id", id_col), ("image", image_col)):
        if column is not None:
            columns[field] = column
    types = pairs("--type", type, "COLUMN=TYPE")
    return SourceOptions(
        label_from=label_from,
        columns=columns,
        types=types,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        **rest,
    )


def pairs(flag: str, given: list[str] | None, form: str) -> dict[str, str]:
    """What is said as `NAME=VALUE`.

    Raises:
        ParameterError: One has another form.
    """
    from search_engine.errors import ParameterError

    found: dict[str, str] = {}
    for each in given or ():
        name, sign, value = each.partition("=")
        if not (name and sign and value):
            raise ParameterError(f"not {form}: {each!r}", where=flag, fix=f"write {flag} {form}")
        found[name] = value
    return found
