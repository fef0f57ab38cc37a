"""The verbs `eyedex keys ...`: who may use the HTTP API."""

import re
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.options import DataOption, JsonOption, settings_from
from api.cli.terminal.output import print_json, print_table
from search_engine.access import SCOPES, new_token
from search_engine.errors import ParameterError
from search_engine.near import did_you_mean, near

if TYPE_CHECKING:
    from search_engine.catalog.access_rows import AccessKey

DAY_S = 86_400
MAX_NAME = 100

keys = typer.Typer(
    help="Make, list and revoke API keys.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Who or what it is for.")],
    scope: Annotated[
        str,
        typer.Option("--scope", help=f"What it may do: {', '.join(SCOPES)}.", metavar="SCOPE"),
    ] = "read",
    collections: Annotated[
        list[str] | None,
        typer.Option("--collection", help="Only in this one; may be repeated.", metavar="NAME"),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires", help="After so many days (90d), or at a date (2027-01-31).", metavar="WHEN"
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and print it, once. With the first key, every request needs one."""
    from search_engine.catalog.access_rows import AccessKey, access_keys_in, add_access_key
    from search_engine.catalog.collection_rows import check_collection_name, collections_in
    from search_engine.engine import SearchEngine

    now, token = time.time(), new_token()
    key = AccessKey(
        id=token.key_id,
        name=_checked_name(name),
        scope=_checked_scope(scope),
        digest=token.digest,
        collections=tuple(check_collection_name(each) for each in collections or ()) or None,
        created=now,
        expires=None if expires is None else _moment(expires, now),
    )
    with SearchEngine(settings=settings_from(data)) as engine, engine.catalog.write() as writer:
        is_first = not access_keys_in(writer.connection)
        add_access_key(writer, key)
        known = {each.name for each in collections_in(writer.connection)}
    _tell_of_missing([each for each in key.collections or () if each not in known], sorted(known))
    if is_first:
        print("note: from now on every request to a server needs a key", file=sys.stderr)
    if as_json:
        print_json({**_json(key), "key": str(token)})
    else:
        print("the key is shown this once; only a hash of it is kept", file=sys.stderr)
        print(token)


@keys.command("list")
def list_keys(data: DataOption = None, as_json: JsonOption = False) -> None:
    """All keys, those that are not valid any more too; never the secrets."""
    from search_engine.catalog.access_rows import access_keys_in
    from search_engine.engine import SearchEngine

    with (
        SearchEngine(settings=settings_from(data), create=False) as engine,
        engine.catalog.read() as connection,
    ):
        found = [_json(each) for each in access_keys_in(connection)]
    if as_json:
        print_json({"keys": found})
    elif not found:
        print("no keys: whoever reaches the server may do anything")
    else:
        columns = ("id", "name", "scope", "collections", "state", "created", "last_used")
        print_table(columns, [[_cell(column, one[column]) for column in columns] for one in found])


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="Of `eyedex keys list`.", metavar="ID")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a key be valid no more; servers notice within a second."""
    from search_engine.catalog.access_rows import access_keys_in, revoke_access_key
    from search_engine.engine import SearchEngine

    with (
        SearchEngine(settings=settings_from(data), create=False) as engine,
        engine.catalog.write() as writer,
    ):
        known = [each.id for each in access_keys_in(writer.connection)]
        if key_id not in known:
            fix = "`eyedex keys list` shows their ids"
            raise ParameterError("there is no key of this id", where="ID", fix=fix)
        revoked = revoke_access_key(writer, key_id, time.time())
    if as_json:
        print_json({"id": key_id, "revoked": revoked})
    else:
        print(f"revoked {key_id}" if revoked else f"{key_id} was revoked before")


def _checked_name(name: str) -> str:
    if not 1 <= len(name.strip()) <= MAX_NAME or not name.isprintable():
        fix = f"say in 1 to {MAX_NAME} printable characters who or what it is for"
        raise ParameterError("not a name", where="NAME", fix=fix)
    return name.strip()


def _tell_of_missing(missing: list[str], known: list[str]) -> None:
    """Say which collections of a key are still to be made, or have another name."""
    if not missing:
        return
    meant = near(missing[0], known, 1)
    hint = f"; did you mean {meant[0]!r}?" if meant else ""
    names = ", ".join(map(repr, missing))
    print(f"note: there is no collection {names} yet{hint}", file=sys.stderr)


def _checked_scope(scope: str) -> str:
    if scope not in SCOPES:
        fix = did_you_mean(scope, SCOPES) or f"one of {', '.join(SCOPES)}"
        raise ParameterError("no such scope", where="--scope", fix=fix)
    return scope


def _moment(text: str, now: float) -> float:
    """When a key ends, in seconds since 1970; dates begin at midnight UTC."""
    days = re.fullmatch(r"([1-9][0-9]{0,4})d", text)
    try:
        found = now + int(days[1]) * DAY_S if days else _date(text)
    except ValueError:
        fix = "give days, as 90d, or a date, as 2027-01-31"
        raise ParameterError("neither days nor a date", where="--expires", fix=fix) from None
    if found <= now:
        raise ParameterError("that is over", where="--expires", fix="name a later date")
    return found


def _date(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()


def _json(key: "AccessKey") -> dict[str, Any]:
    """A key for people and programs."""
    from api.schemas.times import rfc3339

    def moment(seconds: float | None) -> str | None:
        return None if seconds is None else rfc3339(seconds)

    return {
        "id": key.id,
        "name": key.name,
        "scope": key.scope,
        "collections": None if key.collections is None else list(key.collections),
        "state": _state(key),
        "created": moment(key.created),
        "expires": moment(key.expires),
        "revoked": moment(key.revoked),
        "last_used": moment(key.last_used),
    }


def _state(key: "AccessKey") -> str:
    if key.revoked is not None:
        return "revoked"
    if key.is_damaged:
        return "damaged"
    return "valid" if key.is_valid(time.time()) else "expired"


def _cell(column: str, value: Any) -> str:
    if value is None:
        return "all" if column == "collections" else ""
    if column in ("created", "last_used"):
        return str(value)[: len("2027-01-31")]
    return ", ".join(value) if isinstance(value, list) else str(value)
