CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE collections (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	name VARCHAR(64) NOT NULL,
	uid VARCHAR(32) NOT NULL,
	encoder VARCHAR(128),
	encoder_options JSON NOT NULL,
	fingerprint VARCHAR(32),
	dimension INTEGER, key_count BIGINT DEFAULT '0' NOT NULL, key_checksum BIGINT DEFAULT '0' NOT NULL, index_factory VARCHAR(128), former JSON, crc32 BIGINT, patches INTEGER,
	UNIQUE (name),
	UNIQUE (uid)
);

CREATE TABLE items (
	"key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	collection_id INTEGER NOT NULL,
	item_id TEXT NOT NULL,
	product_id TEXT,
	label TEXT,
	attributes JSON NOT NULL,
	content_hash VARCHAR(64) NOT NULL,
	picture TEXT,
	seq BIGINT NOT NULL,
	index_seq BIGINT NOT NULL,
	removed BOOLEAN NOT NULL, source TEXT, palette BLOB, colors TEXT, shape BLOB, crc32 BIGINT,
	FOREIGN KEY(collection_id) REFERENCES collections (id)
);

CREATE UNIQUE INDEX items_live_id ON items (collection_id, item_id) WHERE removed = 0;

CREATE INDEX items_index_seq ON items (collection_id, index_seq);

CREATE TABLE embeddings (
	"key" INTEGER NOT NULL,
	fingerprint VARCHAR(32) NOT NULL,
	vector BLOB NOT NULL,
	crc32 BIGINT NOT NULL,
	PRIMARY KEY ("key", fingerprint),
	FOREIGN KEY("key") REFERENCES items ("key") ON DELETE CASCADE
);

CREATE TABLE pictures (
	"key" INTEGER NOT NULL,
	jpeg BLOB NOT NULL, crc32 BIGINT,
	PRIMARY KEY ("key"),
	FOREIGN KEY("key") REFERENCES items ("key") ON DELETE CASCADE
);

CREATE TABLE fields (
	collection_id INTEGER NOT NULL,
	name TEXT NOT NULL, type VARCHAR(16), crc32 BIGINT,
	PRIMARY KEY (collection_id, name),
	FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE
);

CREATE TABLE sequence (
	id INTEGER NOT NULL,
	value BIGINT NOT NULL,
	PRIMARY KEY (id)
);

CREATE INDEX items_live ON items (collection_id) WHERE removed = 0;

CREATE INDEX items_live_label ON items (collection_id, label) WHERE removed = 0;

CREATE INDEX items_live_product ON items (collection_id, product_id) WHERE removed = 0;

CREATE TABLE "learned" (
	sha256 VARCHAR(64) NOT NULL,
	data BLOB NOT NULL,
	PRIMARY KEY (sha256)
);

CREATE TABLE unsearchable (
	"key" INTEGER NOT NULL,
	fingerprint VARCHAR(32) NOT NULL,
	reason VARCHAR(64) NOT NULL,
	PRIMARY KEY ("key", fingerprint),
	FOREIGN KEY("key") REFERENCES items ("key") ON DELETE CASCADE
);

CREATE TABLE sources (
	collection_id INTEGER NOT NULL,
	name TEXT NOT NULL,
	options JSON NOT NULL,
	seq BIGINT NOT NULL, crc32 BIGINT,
	PRIMARY KEY (collection_id, name),
	FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE
);

CREATE TABLE jobs (
	id VARCHAR(32) NOT NULL,
	collection VARCHAR(64) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	params JSON NOT NULL,
	origin VARCHAR(8) NOT NULL,
	state VARCHAR(16) NOT NULL,
	stage TEXT,
	done BIGINT DEFAULT '0' NOT NULL,
	total BIGINT,
	counts JSON NOT NULL,
	reasons JSON NOT NULL,
	result JSON,
	error JSON,
	created FLOAT NOT NULL,
	started FLOAT,
	staged FLOAT,
	finished FLOAT,
	updated FLOAT NOT NULL,
	deaths INTEGER DEFAULT '0' NOT NULL,
	reached JSON,
	attempts INTEGER DEFAULT '0' NOT NULL,
	version INTEGER NOT NULL,
	cancel_requested BOOLEAN DEFAULT '0' NOT NULL,
	PRIMARY KEY (id)
);

CREATE INDEX jobs_state ON jobs (state);

CREATE TABLE answers (
	"key" TEXT NOT NULL,
	request TEXT NOT NULL,
	status INTEGER NOT NULL,
	body TEXT NOT NULL,
	created FLOAT NOT NULL,
	PRIMARY KEY ("key")
);

CREATE INDEX answers_created ON answers (created);

CREATE INDEX items_live_colors ON items (collection_id, colors, palette) WHERE removed = 0;

CREATE VIRTUAL TABLE item_words USING fts5(label, name, texts, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');

CREATE TRIGGER item_words_added AFTER INSERT ON items WHEN new.removed = 0 BEGIN INSERT INTO item_words (rowid, label, name, texts) SELECT new.key, new.label, coalesce(json_extract(CASE WHEN json_valid(new.attributes) THEN new.attributes ELSE '{}' END, '$.name'), json_extract(CASE WHEN json_valid(new.attributes) THEN new.attributes ELSE '{}' END, '$.title')), (SELECT group_concat(each.atom, ' ') FROM json_tree(CASE WHEN json_valid(new.attributes) THEN new.attributes ELSE '{}' END) AS each WHERE each.type = 'text' AND each.fullkey NOT IN ('$.name', '$.title')); END;

CREATE TRIGGER item_words_changed AFTER UPDATE OF label, attributes, removed ON items WHEN old.label IS NOT new.label OR old.attributes IS NOT new.attributes OR old.removed IS NOT new.removed BEGIN DELETE FROM item_words WHERE rowid = old.key; INSERT INTO item_words (rowid, label, name, texts) SELECT new.key, new.label, coalesce(json_extract(CASE WHEN json_valid(new.attributes) THEN new.attributes ELSE '{}' END, '$.name'), json_extract(CASE WHEN json_valid(new.attributes) THEN new.attributes ELSE '{}' END, '$.title')), (SELECT group_concat(each.atom, ' ') FROM json_tree(CASE WHEN json_valid(new.attributes) THEN new.attributes ELSE '{}' END) AS each WHERE each.type = 'text' AND each.fullkey NOT IN ('$.name', '$.title')) WHERE new.removed = 0; END;

CREATE TRIGGER item_words_gone AFTER DELETE ON items BEGIN DELETE FROM item_words WHERE rowid = old.key; END;

CREATE TABLE picture_hashes (
	"key" INTEGER NOT NULL,
	collection_id INTEGER NOT NULL,
	seq BIGINT NOT NULL,
	hash BLOB NOT NULL, crc32 BIGINT,
	PRIMARY KEY ("key"),
	FOREIGN KEY("key") REFERENCES items ("key") ON DELETE CASCADE,
	FOREIGN KEY(collection_id) REFERENCES collections (id)
);

CREATE INDEX picture_hashes_seq ON picture_hashes (collection_id, seq);

CREATE TABLE access_keys (
	id VARCHAR(8) NOT NULL,
	name TEXT NOT NULL,
	scope VARCHAR(8) NOT NULL,
	digest VARCHAR(64) NOT NULL,
	collections TEXT,
	created FLOAT NOT NULL,
	expires FLOAT,
	revoked FLOAT,
	last_used FLOAT, crc32 BIGINT,
	PRIMARY KEY (id)
);

CREATE TABLE feedback_queries (
	id INTEGER NOT NULL,
	collection_id INTEGER NOT NULL,
	digest VARCHAR(32) NOT NULL,
	item_key INTEGER,
	fingerprint VARCHAR(32),
	vector BLOB,
	crc32 BIGINT,
	PRIMARY KEY (id),
	FOREIGN KEY(collection_id) REFERENCES collections (id),
	FOREIGN KEY(item_key) REFERENCES items ("key") ON DELETE CASCADE
);

CREATE UNIQUE INDEX feedback_queries_digest ON feedback_queries (collection_id, digest);

CREATE TABLE feedback (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	collection_id INTEGER NOT NULL,
	event_id TEXT NOT NULL,
	query_id INTEGER NOT NULL,
	item_key INTEGER NOT NULL,
	event VARCHAR(8) NOT NULL,
	position INTEGER,
	session TEXT,
	at FLOAT NOT NULL,
	FOREIGN KEY(collection_id) REFERENCES collections (id),
	FOREIGN KEY(query_id) REFERENCES feedback_queries (id),
	FOREIGN KEY(item_key) REFERENCES items ("key") ON DELETE CASCADE
);

CREATE UNIQUE INDEX feedback_event ON feedback (collection_id, event_id);

CREATE INDEX feedback_query ON feedback (query_id);

CREATE INDEX feedback_at ON feedback (at);

CREATE TABLE rerankers (
	collection_id INTEGER NOT NULL,
	version INTEGER NOT NULL,
	current JSON,
	former JSON,
	PRIMARY KEY (collection_id),
	FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE
);

CREATE TABLE patches (
	"key" INTEGER NOT NULL,
	fingerprint VARCHAR(32) NOT NULL,
	collection_id INTEGER NOT NULL,
	seq BIGINT NOT NULL,
	vectors BLOB NOT NULL,
	crc32 BIGINT NOT NULL,
	PRIMARY KEY ("key", fingerprint),
	FOREIGN KEY("key") REFERENCES items ("key") ON DELETE CASCADE,
	FOREIGN KEY(collection_id) REFERENCES collections (id)
);

CREATE INDEX patches_seq ON patches (collection_id, seq);

INSERT INTO alembic_version VALUES ('0015');

INSERT INTO sequence VALUES (1, 0)
