-- name: meta_tables
-- How many of the tables are there that every database of ours has, whatever its schema.
SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('goose_db_version', 'store_meta', 'lane', 'commit_log');

-- name: meta_settle
INSERT INTO store_meta (name, value) VALUES ('settled', hex(randomblob(8))) ON CONFLICT (name) DO UPDATE SET value = excluded.value;
