-- Statements of group commits and of what they recorded. Those marked hot are prepared once on the writing connection.

-- name: lane_heads
SELECT lane, seq, at, hash, posted FROM lane ORDER BY lane;

-- name: lane_update
UPDATE lane SET seq = ?, at = ?, hash = ?, posted = ? WHERE lane = ?;

-- name: commit_insert
INSERT INTO commit_log (id, lane, seq, debits, debits_digest, manifest, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: commit_debits
SELECT debits FROM commit_log WHERE id = ?;

-- name: commit_list
SELECT id, seq, debits, debits_digest, manifest, prev, hash FROM commit_log WHERE lane = ? AND seq > ? ORDER BY seq LIMIT ?;

-- name: commit_at_seq
SELECT id FROM commit_log WHERE lane = ? AND seq = ?;

-- name: entry_insert
INSERT INTO entry (account_id, project_id, package, at, kind, remaining, reserved, used, remaining_after, reserved_after, debits, reference, lane, seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: debit_ref_list
-- Newest first; the reader ends where it has enough.
SELECT account_id, project_id, at, more FROM debit_ref WHERE account_id = ? AND project_id = ? AND at < ? ORDER BY at DESC LIMIT ?;

-- name: reservation_open
SELECT EXISTS (SELECT 1 FROM reservation WHERE account_id = ? AND project_id = ? AND at = ? AND id = ?);

-- name: reservation_due
SELECT account_id, project_id, id FROM reservation WHERE deadline <= ? ORDER BY deadline LIMIT ?;

-- name: reservation_due_count
SELECT count(*) FROM reservation WHERE deadline <= ?;

-- name: usage_sum
SELECT e.at, p.category, p.purpose, p.country, e.used FROM package p
JOIN entry e ON e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number
WHERE p.account_id = ? AND p.project_id = ? AND e.at >= ? AND e.at < ? AND e.kind IN (6, 8);

-- name: commit_replay
SELECT id, seq, debits FROM commit_log WHERE id >= ? ORDER BY id LIMIT ?;

-- name: reservation_all
SELECT account_id, project_id, id, at FROM reservation;
