-- name: health_quick_check
-- SQLite's own look at its pages and indexes, at most ten findings.
PRAGMA quick_check(10);
