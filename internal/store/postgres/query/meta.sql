-- name: meta_tables
-- How many of the tables are there that every database of ours has, whatever its schema.
SELECT count(*) FROM pg_catalog.pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND relname IN ('goose_db_version', 'store_meta', 'lane', 'commit_log');
