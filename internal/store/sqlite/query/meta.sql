-- name: meta_tables
-- How many of the tables are there that every database of ours has, whatever its schema.
SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('goose_db_version', 'store_meta', 'lane', 'commit_log');
