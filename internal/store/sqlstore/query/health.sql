-- name: health_schema
SELECT max(version_id) FROM goose_db_version WHERE is_applied;

-- name: health_last_commit
-- The id of a commit begins with its time, so the largest is the latest of all lanes.
SELECT coalesce(max(id), 0) FROM commit_log;
