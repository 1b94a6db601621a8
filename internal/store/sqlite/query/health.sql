-- name: health_schema
SELECT max(version_id) FROM goose_db_version WHERE is_applied = 1;

-- name: health_last_commit
-- The id of a commit begins with its time, so the largest is the latest of all lanes.
SELECT coalesce(max(id), 0) FROM commit_log;

-- name: health_quick_check
-- SQLite's own look at its pages and indexes, at most ten findings.
PRAGMA quick_check(10);
