-- What the store knows about itself.

-- name: meta_get
SELECT value FROM store_meta WHERE name = ?;

-- name: meta_put
INSERT INTO store_meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: meta_delete
DELETE FROM store_meta WHERE name = ?;

-- name: schema_version
SELECT max(version_id) FROM goose_db_version WHERE is_applied;
