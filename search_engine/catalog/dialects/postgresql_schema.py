"""The schema of a catalog in PostgreSQL: the same tables, and what stands in for SQLite's parts.

A database is made from `tables` as they are in this version, so that the migrations before it are
SQLite's alone; those that come after it serve both. Beside the tables there are

- `items.facts`, the attributes as JSONB. They themselves stay the text that was written: that is
  what their checksum covers, and it is the same in both databases;
- `items.words`, the words of an item for full-text search, labels and names weighing more;
- the functions `eyedex_...`, which `postgresql_words` calls.

Texts are compared by code points whatever the database's own collation is.
"""

from sqlalchemy import Connection, insert, inspect

from search_engine.catalog.database import SCHEMA_VERSION, migrate
from search_engine.catalog.dialects.sortable_values import MOST_CHARS
from search_engine.catalog.dialects.statements import run_as_written
from search_engine.catalog.tables import metadata, sequence
from search_engine.errors import StorageError

LEAST_VERSION = 140_000
TAKE_TURN = (
    "SELECT pg_advisory_xact_lock(hashtextextended('eyedex catalog ' || current_schema(), 0))"
)
"""Waits until no other transaction writes to the catalog."""
_NUMBER = "eyedex catalog "
WORDS_CHARS = 200_000
"""So much of an item's texts is searched: PostgreSQL keeps no more than 1 MB of words a row."""

_OTHER_TEXTS = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = current_schema() AND data_type IN ('text', 'character varying')
    AND collation_name IS DISTINCT FROM 'C'
"""

FUNCTIONS = """
CREATE FUNCTION eyedex_at(facts jsonb, path text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN facts -> (substring(path FROM 3)::jsonb #>> '{}');

CREATE FUNCTION eyedex_kind(value jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(value) WHEN 'string' THEN 'text' WHEN 'number' THEN 'real'
        WHEN 'boolean' THEN value #>> '{}' ELSE jsonb_typeof(value) END;

CREATE FUNCTION eyedex_number(number float8) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN number < 0
        THEN 'n0' || translate(encode(float8send(number), 'hex'),
            '0123456789abcdef', 'fedcba9876543210')
        ELSE 'n1' || encode(float8send(number + 0), 'hex') END;

CREATE FUNCTION eyedex_sortable(value jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(value)
        WHEN 'string' THEN 's' || left(value #>> '{}', MOST_CHARS)
        WHEN 'number' THEN eyedex_number(value::float8)
        WHEN 'boolean' THEN eyedex_number(value::boolean::integer)
        WHEN 'null' THEN NULL
        ELSE 'j' || left(value::text, MOST_CHARS) END;

CREATE FUNCTION eyedex_values(listed jsonb) RETURNS TABLE (type text, value text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
    BEGIN ATOMIC
        SELECT eyedex_kind(each.value), eyedex_sortable(each.value) FROM jsonb_array_elements(
            CASE WHEN jsonb_typeof(listed) = 'array' THEN listed END) AS each(value);
    END;

CREATE FUNCTION eyedex_keys(listed text) RETURNS TABLE (value bigint)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 100
    BEGIN ATOMIC
        SELECT each.value::bigint FROM json_array_elements_text(listed::json) AS each(value);
    END;

CREATE FUNCTION eyedex_moment(said text) RETURNS float8
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
    BEGIN
        IF said ~ '^\\d{4}-\\d\\d-\\d\\d([T ]\\d\\d:\\d\\d.*)?$' THEN
            RETURN extract(epoch FROM said::timestamptz);
        END IF;
        RETURN NULL;
    EXCEPTION WHEN data_exception THEN RETURN NULL;
    END $$;

CREATE FUNCTION eyedex_glob(form text, said text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN said ~ ('^' || replace(form, '*', '.*') || '$');

CREATE FUNCTION eyedex_casefold(said text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN translate(lower(upper(said COLLATE "und-x-icu") COLLATE "und-x-icu"), 'ς', 'σ');

CREATE FUNCTION eyedex_lexemes(said text, weight "char") RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN setweight(coalesce((
        SELECT string_agg(left(each.word, 255) || ':' || least(each.place, 16383), ' ')
        FROM regexp_split_to_table(
            lower(regexp_replace(normalize(left(said, WORDS_CHARS), NFD), '[\u0300-\u036f]',
                '', 'g') COLLATE "und-x-icu"),
            '[^[:alnum:]]+' COLLATE "und-x-icu") WITH ORDINALITY AS each(word, place)
        WHERE each.word <> ''), '')::tsvector, weight);

CREATE FUNCTION eyedex_words(label text, facts jsonb) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN eyedex_lexemes(label, 'B')
        || eyedex_lexemes(coalesce(facts ->> 'name', facts ->> 'title'), 'A')
        || eyedex_lexemes((
            SELECT string_agg(each.value #>> '{}', ' ') FROM jsonb_path_query(
                facts - 'name' - 'title', 'strict $.** ? (@.type() == "string")') AS each(value)),
            'D');
"""

ADDITIONS = """
ALTER TABLE items ADD COLUMN facts jsonb GENERATED ALWAYS AS (attributes::jsonb) STORED;
ALTER TABLE items ADD COLUMN words tsvector
    GENERATED ALWAYS AS (CASE WHEN removed THEN NULL ELSE eyedex_words(label, attributes::jsonb)
        END) STORED;
CREATE INDEX items_words ON items USING gin (words);
CREATE INDEX items_facts ON items USING gin (facts jsonb_path_ops) WHERE NOT removed;
"""


def require_server(connection: Connection, where: str) -> None:
    """Refuse a server that a catalog cannot be on.

    Raises:
        StorageError: It is too old, keeps texts that are no UTF-8, or has no ICU.
    """
    said = connection.exec_driver_sql(
        "SELECT current_setting('server_version_num')::int AS version, "
        "current_setting('server_encoding') AS encoding, "
        "EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu') AS icu"
    ).one()
    for is_so, what in (
        (said.version >= LEAST_VERSION, "PostgreSQL 14 or newer"),
        (said.encoding == "UTF8", "a database with the encoding UTF8"),
        (said.icu, "a PostgreSQL that was built with ICU"),
    ):
        if not is_so:
            raise StorageError(
                "no catalog can be kept in that database", where=where, fix=f"use {what}"
            )


def catalog_number(connection: Connection) -> str | None:
    """What tells the catalog in a database from any other; None for a database without one."""
    found = connection.exec_driver_sql(
        "SELECT obj_description(to_regclass('sequence'), 'pg_class')"
    ).scalar()
    return str(found).removeprefix(_NUMBER) if str(found).startswith(_NUMBER) else None


def is_current(connection: Connection) -> bool:
    """Whether the schema is that of this version."""
    there = inspect(connection).has_table("alembic_version")
    if not there:
        return False
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return bool(found == SCHEMA_VERSION)


def create(connection: Connection, number: str) -> None:
    """Make everything in an empty database, or bring an older catalog up to this version."""
    if inspect(connection).has_table("alembic_version"):
        migrate(connection)
        _compare_by_code_points(connection)
        return
    metadata.create_all(connection, checkfirst=False)
    _compare_by_code_points(connection)
    functions = FUNCTIONS.replace("MOST_CHARS", str(MOST_CHARS))
    functions = functions.replace("WORDS_CHARS", str(WORDS_CHARS))
    for statements in (functions, ADDITIONS, f"COMMENT ON TABLE sequence IS '{_NUMBER}{number}'"):
        run_as_written(connection, statements)
    connection.execute(insert(sequence).values(id=1, value=0))
    migrate(connection, only_note=True)


def _compare_by_code_points(connection: Connection) -> None:
    """Let all columns of texts be compared so, which are not yet."""
    others: dict[str, list[str]] = {}
    for table, column in connection.exec_driver_sql(_OTHER_TEXTS):
        if table in metadata.tables:
            others.setdefault(table, []).append(column)
    for table, columns in others.items():
        changes = ", ".join(f'ALTER COLUMN "{each}" TYPE text COLLATE "C"' for each in columns)
        run_as_written(connection, f"ALTER TABLE {table} {changes}")
