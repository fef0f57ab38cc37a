"""The verb `eyedex audit`: who changed what over HTTP."""

import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.options import DataOption, JsonOption, settings_from
from api.cli.terminal.output import print_json, print_table
from search_engine.errors import NotFoundError, ParameterError

if TYPE_CHECKING:
    from search_engine.config import Settings

COLUMNS = ("time", "key", "name", "address", "operation", "collection", "items", "status")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def audit(
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            help="Of the last minutes, hours or days (30m, 12h, 7d), or from a time (UTC) on: "
            "2026-11-30, 2026-11-30T15:00.",
            metavar="WHEN",
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="By this key, its id or name.", metavar="KEY")
    ] = None,
    collection: Annotated[
        str | None, typer.Option("--collection", help="Of this one.", metavar="NAME")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Who changed what over HTTP, the latest last, as the audit log has it."""
    from api.security.audit import entries_of

    now = datetime.now(UTC)
    wanted_from = None if since is None else _moment(since, now)
    entries, unreadable = entries_of(_log_file(settings_from(data)))
    found = list(_chosen(entries, wanted_from, key, collection))
    if unreadable:
        told = f"note: {unreadable:,} of its lines cannot be read, and are left out"
        print(told, file=sys.stderr)
    if as_json:
        print_json({"changes": found, "unreadable": unreadable})
    elif not found:
        print("no changes")
    else:
        print_table(COLUMNS, [[_cell(name, one.get(name)) for name in COLUMNS] for one in found])


def _log_file(settings: "Settings") -> Path:
    from search_engine.storage.paths import DataPaths

    if settings.audit_log == "off":
        fix = "`eyedex serve` notes changes where it is auto or names a file"
        raise ParameterError("the audit log is off", where="EYEDEX_AUDIT_LOG", fix=fix)
    is_named = settings.audit_log != "auto"
    file = Path(settings.audit_log) if is_named else DataPaths(settings.data).audit
    if not file.exists():
        fix = "changes over HTTP are noted once there are keys; EYEDEX_AUDIT_LOG names another"
        raise NotFoundError("there is no audit log", where=str(file), fix=fix)
    return file


def _chosen(
    entries: list[dict[str, Any]], since: datetime | None, key: str | None, collection: str | None
) -> Iterator[Mapping[str, Any]]:
    for each in entries:
        if since is not None and datetime.fromisoformat(each["time"]) < since:
            continue
        if key is not None and key not in (each.get("key"), each.get("name")):
            continue
        if collection is None or each.get("collection") == collection:
            yield each


def _moment(text: str, now: datetime) -> datetime:
    ago = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", text)
    if ago:
        return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        fix = "give 30m, 12h or 7d, or a time as 2026-11-30 or 2026-11-30T15:00"
        raise ParameterError("not a time", where="--since", fix=fix) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _cell(column: str, value: object) -> str:
    if column == "time":
        return str(value)[: len("2026-11-30T15:12:07")].replace("T", " ")
    return "" if value is None else str(value)
