"""Dominant colours of pictures, and the words of items for full-text search.

Colours are unknown until `eyedex colors` or the next change of a picture. Words are filled in here;
from then on triggers keep them within the transactions that change items, whoever writes these.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add two columns with an index, and the table of words with its triggers."""
    op.add_column("items", sa.Column("palette", sa.LargeBinary))
    op.add_column("items", sa.Column("colors", sa.Text))
    op.create_index(
        "items_live_colors",
        "items",
        ["collection_id", "colors", "palette"],
        sqlite_where=sa.text("removed = 0"),
        postgresql_where=sa.text("removed = false"),
    )
    for statement in (
        "CREATE VIRTUAL TABLE item_words USING fts5("
        "label, name, texts, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3')",
        f"{_INSERT} {_words_of('items')} FROM items WHERE removed = 0",
        "CREATE TRIGGER item_words_added AFTER INSERT ON items WHEN new.removed = 0 "
        f"BEGIN {_INSERT} {_words_of('new')}; END",
        "CREATE TRIGGER item_words_changed "  # noqa: S608
        "AFTER UPDATE OF label, attributes, removed ON items "
        "WHEN old.label IS NOT new.label OR old.attributes IS NOT new.attributes "
        "OR old.removed IS NOT new.removed "
        "BEGIN DELETE FROM item_words WHERE rowid = old.key; "
        f"{_INSERT} {_words_of('new')} WHERE new.removed = 0; END",
        "CREATE TRIGGER item_words_gone AFTER DELETE ON items "
        "BEGIN DELETE FROM item_words WHERE rowid = old.key; END",
    ):
        op.get_bind().exec_driver_sql(statement)


_INSERT = "INSERT INTO item_words (rowid, label, name, texts)"


def _words_of(row: str) -> str:
    """A SELECT of a row's key, label, name and the other texts of its attributes, lists included.

    Attributes that cannot be read have none.
    """
    attributes = f"CASE WHEN json_valid({row}.attributes) THEN {row}.attributes ELSE '{{}}' END"
    name = f"json_extract({attributes}, '$.name'), json_extract({attributes}, '$.title')"
    texts = (
        f"SELECT group_concat(each.atom, ' ') FROM json_tree({attributes}) AS each "  # noqa: S608
        "WHERE each.type = 'text' AND each.fullkey NOT IN ('$.name', '$.title')"
    )
    return f"SELECT {row}.key, {row}.label, coalesce({name}), ({texts})"
