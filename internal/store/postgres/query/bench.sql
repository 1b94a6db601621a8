-- What benchmarks ask (taocan bench).

-- name: bench_shape
-- What group commits wrote. Kinds 6 to 8 are the entries that debits and reservations make, with 5.
SELECT (SELECT count(*) FROM commit_log WHERE debits IS NOT NULL),
  (SELECT coalesce(sum(length(debits)), 0)::bigint FROM commit_log),
  (SELECT coalesce(sum(length(manifest)), 0)::bigint FROM commit_log WHERE debits IS NOT NULL),
  (SELECT count(*) FROM entry WHERE kind BETWEEN 5 AND 8),
  (SELECT count(*) FROM entry WHERE kind BETWEEN 5 AND 8 AND debits = 1),
  (SELECT count(*) FROM package);

-- name: bench_server
SELECT current_setting('server_version'), coalesce((SELECT r.rolcreatedb OR r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user), false);

-- name: bench_settings
-- Those that figures depend on. The view leaves out what this user may not see.
SELECT name, current_setting(name) FROM pg_catalog.pg_settings WHERE name IN ('autovacuum', 'checkpoint_timeout', 'commit_delay', 'data_directory', 'fsync',
  'full_page_writes', 'max_connections', 'max_wal_size', 'shared_buffers', 'synchronous_commit', 'synchronous_standby_names', 'wal_compression', 'wal_level',
  'wal_sync_method');

-- name: bench_bytes
SELECT pg_catalog.pg_database_size(current_database());

-- name: bench_sync
-- A transaction of 4 KiB in the log and nothing else.
SELECT pg_catalog.pg_logical_emit_message(true, 'taocan bench', repeat('x', 4096))::text;
