-- name: postgres_columns
-- Parts of a partitioned table are reached through it.
SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), coalesce(array_position(k.conkey, a.attnum), 0)::bigint
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'p'
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'goose_db_version'
ORDER BY c.relname, a.attnum;

-- name: postgres_references
SELECT DISTINCT c.relname::text, r.relname::text FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_class AS r ON r.oid = k.confrelid
WHERE k.contype = 'f' AND c.relnamespace = current_schema()::regnamespace AND NOT c.relispartition ORDER BY 1, 2;

-- name: postgres_identities
-- Columns that number rows by themselves, and their sequences.
SELECT c.relname::text, a.attname::text, pg_get_serial_sequence(quote_ident(c.relname), a.attname) FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attidentity <> ''
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname <> 'goose_db_version' ORDER BY 1, 2;

-- name: postgres_others
-- Everybody else on this database. Of other users' sessions one may see no more than this.
SELECT pid::bigint, coalesce(application_name, '') FROM pg_catalog.pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND (backend_type IS NULL OR backend_type = 'client backend') ORDER BY pid;

-- name: postgres_alone
-- One move into a database at a time.
SELECT pg_try_advisory_lock(7402514);

-- name: postgres_months
-- The month of the first commit at or after an id, as a date, and the id that the month after it begins with.
SELECT to_char(month, 'YYYY-MM-DD'), (extract(epoch FROM month + interval '1 month') * 16000000)::bigint
FROM (SELECT date_trunc('month', to_timestamp($1::bigint / 16000000.0) AT TIME ZONE 'UTC') AS month) AS m;

-- name: postgres_month_make
SELECT taocan_partitions($1::date, 1);

-- name: postgres_meta_put
INSERT INTO store_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: postgres_meta_delete
DELETE FROM store_meta WHERE name = $1;

-- name: postgres_meta_clear
DELETE FROM store_meta;

-- name: postgres_commit_after
SELECT coalesce(min(id), 0) FROM commit_log WHERE id >= $1;
