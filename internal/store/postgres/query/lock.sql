-- The locks of cold writes. Their order is always: settings, then lanes from the lowest up, then rows.

-- name: settings_lock
-- Whoever writes no ledger holds this row, so that such writes follow one another as on SQLite.
SELECT id FROM settings_lock WHERE id = 1 FOR UPDATE;

-- name: lane_head
SELECT seq, hash FROM lane WHERE lane = ?;

-- name: lane_changed
-- Tells every process to load anew what it remembers of these lanes' projects. The inner query takes the locks in order.
UPDATE lane SET changes = changes + 1 WHERE lane IN (SELECT lane FROM lane WHERE lane = ANY (CAST(? AS bigint[])) ORDER BY lane FOR UPDATE);

-- name: epoch_insert
-- The first process to open a database gives it its epoch.
INSERT INTO store_meta (name, value) VALUES ('epoch', ?) ON CONFLICT DO NOTHING;

-- name: health_server
SELECT current_setting('server_version'), pg_is_in_recovery(), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;

-- name: months_make
-- Takes a date. The function looks before it locks.
SELECT taocan_partitions(CAST(? AS date), 3);
