"""Check rows with a checksum that are neither items nor collections."""

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import Table

from search_engine.catalog.row_checksums import damaged_rows
from search_engine.catalog.store import Catalog
from search_engine.catalog.tables import access_keys, fields, sources
from search_engine.maintenance.findings import Code, Finding

_SEALED: tuple[tuple[Table, str, Code, str], ...] = (
    (
        access_keys,
        "access key",
        "access_key_damaged",
        "revoke it and make another; until then it opens nothing",
    ),
    (
        sources,
        "source",
        "source_damaged",
        "index it again, with the flags that it was indexed with first",
    ),
    (
        fields,
        "field",
        "field_damaged",
        "index a source that has it again, with --type if it was given",
    ),
)


def check_sealed(catalog: Catalog) -> Iterator[Finding]:
    """Verify access keys, sources and fields."""
    names = defaultdict(lambda: "?", {each.id: each.name for each in catalog.collections()})
    with catalog.read() as connection:
        for table, kind, code, mended in _SEALED:
            for *owner, name in damaged_rows(connection, table):
                what = f"its row does not match its checksum; {mended}"
                where = " of collection ".join(
                    [f"{kind} {name!r}", *(names[each] for each in owner)]
                )
                yield Finding("error", where, what, code, {"name": str(name)})
