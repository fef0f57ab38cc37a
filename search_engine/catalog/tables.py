"""The tables, as SQLAlchemy sees them; `migrations/` holds how they came to be.

Every change of the database takes the next number of one sequence. An item's `seq` is its last
change of any kind; `index_seq` its last change that matters to an index: a new vector, or its
removal. A removed item stays as a tombstone with `removed` set, and its key is never used again:
adding the same `item_id` later makes a new row.

A collection's `key_count` and `key_checksum` follow the keys of its live items (`checksum`), and
its `index_factory` names the kind of index, unless that is chosen automatically. `former` is the
encoder that it had before, by the columns of `FORMER`, as long as its embeddings are kept.

An item's `palette` has the dominant colours of its picture as `images.palette` packs them, and
`colors` their names as a JSON list, `shape` its shape as `images.shape` packs it; they are NULL
where nobody looked. `item_words` has the words
of the live items for full-text search (`words`); triggers keep it with every change of an item.

An item's `source` is the folder, table or name that last gave its picture; NULL for one that came
by HTTP or Python. `sources` keeps how each is understood, `fields` the type of an attribute where
a source's columns have types.

`unsearchable` has the live items of which an encoder has no embedding though others have one, and
why: the code of an error.

`picture_hashes` has what copies of a picture are recognised by, of the pictures that were decoded
since there are hashes; `seq` is the change that wrote it.

`patches` has embeddings of crops of an item's picture by an encoder, packed one behind the other,
in a collection that has some (`patch_rows`): `patches` of it says how many a picture, NULL none.

Each `crc32` is a checksum of its row (`row_checksums`, of embeddings `vectors`). Jobs, answers and
feedback have none: what is wrong with one of their rows concerns neither items nor keys.

`jobs` has the long runs of this data directory, waiting, at work and finished; times are seconds
since 1970. Its `version` counts the changes of a row. `answers` has what was answered to requests
that carry a key of their own, so that the same one again is answered alike and does nothing.
Neither table takes a sequence number: nothing that is searched changes with them.

`feedback` has what people did with what searches showed them, and `feedback_queries` what they had
asked with: an item, or an embedding by the encoder of `fingerprint`; its `digest` tells one query
from another. `rerankers` has the order that was learned from that for a collection, and the one
before it; its `version` counts the changes.

Indexes of attributes come and go with the attributes (`field_indexes`) and are not listed here.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

from search_engine.catalog.stored_types import JsonObject, StoredString, StoredText

metadata = MetaData()

KeyType = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER keys itself


def _live_index(name: str, *columns: str, unique: bool = False) -> Index:
    """An index of the items that were not removed; each also leads from column to key in order."""
    return Index(
        name,
        *columns,
        unique=unique,
        sqlite_where=text("removed = 0"),
        postgresql_where=text("removed = false"),
    )


collections = Table(
    "collections",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("uid", String(32), nullable=False, unique=True),
    Column("encoder", String(128)),
    Column("encoder_options", JsonObject, nullable=False),
    Column("fingerprint", String(32)),
    Column("dimension", Integer),
    Column("key_count", BigInteger, nullable=False, server_default="0"),
    Column("key_checksum", BigInteger, nullable=False, server_default="0"),
    Column("index_factory", String(128)),
    Column("former", JsonObject),
    Column("crc32", BigInteger),
    Column("patches", Integer),
    sqlite_autoincrement=True,
)

FORMER = ("encoder", "encoder_options", "fingerprint", "dimension")

LEARNED = ("network", "projection")
"""Options of an encoder that name what it learned from the catalog, by hash."""

items = Table(
    "items",
    metadata,
    Column("key", KeyType, primary_key=True, autoincrement=True),
    Column("collection_id", Integer, ForeignKey("collections.id"), nullable=False),
    Column("item_id", StoredText, nullable=False),
    Column("product_id", StoredText),
    Column("label", StoredText),
    Column("attributes", JsonObject, nullable=False),
    Column("content_hash", StoredString(64), nullable=False),
    Column("picture", StoredText),
    Column("source", StoredText),
    Column("palette", LargeBinary),
    Column("colors", Text),
    Column("shape", LargeBinary),
    Column("seq", BigInteger, nullable=False),
    Column("index_seq", BigInteger, nullable=False),
    Column("removed", Boolean, nullable=False, default=False),
    Column("crc32", BigInteger),
    _live_index("items_live", "collection_id"),
    _live_index("items_live_id", "collection_id", "item_id", unique=True),
    _live_index("items_live_label", "collection_id", "label"),
    _live_index("items_live_product", "collection_id", "product_id"),
    _live_index("items_live_colors", "collection_id", "colors", "palette"),
    Index("items_index_seq", "collection_id", "index_seq"),
    sqlite_autoincrement=True,
)

LIVE = items.c.removed == false()
"""The item was not removed: spelled as the indexes of live items have it, so that they are used."""

embeddings = Table(
    "embeddings",
    metadata,
    Column("key", KeyType, ForeignKey("items.key", ondelete="CASCADE"), primary_key=True),
    Column("fingerprint", String(32), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
    Column("crc32", BigInteger, nullable=False),
)

unsearchable = Table(
    "unsearchable",
    metadata,
    Column("key", KeyType, ForeignKey("items.key", ondelete="CASCADE"), primary_key=True),
    Column("fingerprint", String(32), primary_key=True),
    Column("reason", String(64), nullable=False),
)

pictures = Table(
    "pictures",
    metadata,
    Column("key", KeyType, ForeignKey("items.key", ondelete="CASCADE"), primary_key=True),
    Column("jpeg", LargeBinary, nullable=False),
    Column("crc32", BigInteger),
)

picture_hashes = Table(
    "picture_hashes",
    metadata,
    Column("key", KeyType, ForeignKey("items.key", ondelete="CASCADE"), primary_key=True),
    Column("collection_id", Integer, ForeignKey("collections.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("crc32", BigInteger),
    Index("picture_hashes_seq", "collection_id", "seq"),
)

patches = Table(
    "patches",
    metadata,
    Column("key", KeyType, ForeignKey("items.key", ondelete="CASCADE"), primary_key=True),
    Column("fingerprint", String(32), primary_key=True),
    Column("collection_id", Integer, ForeignKey("collections.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("vectors", LargeBinary, nullable=False),
    Column("crc32", BigInteger, nullable=False),
    Index("patches_seq", "collection_id", "seq"),
)

learned = Table(
    "learned",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

fields = Table(
    "fields",
    metadata,
    Column(
        "collection_id", Integer, ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("name", Text, primary_key=True),
    Column("type", String(16)),
    Column("crc32", BigInteger),
)

sources = Table(
    "sources",
    metadata,
    Column(
        "collection_id", Integer, ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("name", StoredText, primary_key=True),
    Column("options", JsonObject, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("crc32", BigInteger),
)

sequence = Table(
    "sequence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("collection", StoredString(64), nullable=False),
    Column("kind", StoredString(16), nullable=False),
    Column("params", JsonObject, nullable=False),
    Column("origin", StoredString(8), nullable=False),
    Column("state", StoredString(16), nullable=False),
    Column("stage", StoredText),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger),
    Column("counts", JsonObject, nullable=False),
    Column("reasons", JsonObject, nullable=False),
    Column("result", JsonObject),
    Column("error", JsonObject),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("staged", Float),
    Column("finished", Float),
    Column("updated", Float, nullable=False),
    Column("deaths", Integer, nullable=False, server_default="0"),
    Column("reached", JsonObject),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("version", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False, server_default="0"),
    Index("jobs_state", "state"),
)

answers = Table(
    "answers",
    metadata,
    Column("key", StoredText, primary_key=True),
    Column("request", StoredText, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", StoredText, nullable=False),
    Column("created", Float, nullable=False),
    Index("answers_created", "created"),
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("id", String(8), primary_key=True),
    Column("name", StoredText, nullable=False),
    Column("scope", StoredString(8), nullable=False),
    Column("digest", StoredString(64), nullable=False),
    Column("collections", StoredText),
    Column("created", Float, nullable=False),
    Column("expires", Float),
    Column("revoked", Float),
    Column("last_used", Float),
    Column("crc32", BigInteger),
)
"""Keys of the HTTP API; `digest` is hexadecimal, `collections` a JSON list."""

feedback_queries = Table(
    "feedback_queries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("collection_id", Integer, ForeignKey("collections.id"), nullable=False),
    Column("digest", StoredString(32), nullable=False),
    Column("item_key", KeyType, ForeignKey("items.key", ondelete="CASCADE")),
    Column("fingerprint", StoredString(32)),
    Column("vector", LargeBinary),
    Column("crc32", BigInteger),
    Index("feedback_queries_digest", "collection_id", "digest", unique=True),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("collection_id", Integer, ForeignKey("collections.id"), nullable=False),
    Column("event_id", StoredText, nullable=False),
    Column("query_id", Integer, ForeignKey("feedback_queries.id"), nullable=False),
    Column("item_key", KeyType, ForeignKey("items.key", ondelete="CASCADE"), nullable=False),
    Column("event", StoredString(8), nullable=False),
    Column("position", Integer),
    Column("session", StoredText),
    Column("at", Float, nullable=False),
    Index("feedback_event", "collection_id", "event_id", unique=True),
    Index("feedback_query", "query_id"),
    Index("feedback_at", "at"),
    sqlite_autoincrement=True,
)

rerankers = Table(
    "rerankers",
    metadata,
    Column(
        "collection_id", Integer, ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("version", Integer, nullable=False),
    Column("current", JsonObject),
    Column("former", JsonObject),
)
