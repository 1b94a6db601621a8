-- name: sqlite_columns
-- key: the column's place in the primary key, 0: none.
SELECT m.name, c.name, c.type, c.pk FROM sqlite_master AS m, pragma_table_info(m.name) AS c
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND m.name <> 'goose_db_version' ORDER BY m.name, c.cid;

-- name: sqlite_references
SELECT DISTINCT m.name, r."table" FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS r WHERE m.type = 'table' ORDER BY 1, 2;

-- name: sqlite_meta_put
INSERT INTO store_meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: sqlite_meta_delete
DELETE FROM store_meta WHERE name = ?;

-- name: sqlite_meta_clear
DELETE FROM store_meta;

-- name: sqlite_commit_after
SELECT coalesce(min(id), 0) FROM commit_log WHERE id >= ?;
