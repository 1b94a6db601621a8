-- Statements of group commits and of what they recorded. Those marked hot are prepared once on the writing connection.

-- name: lane_heads
SELECT lane, seq, at, hash, posted FROM lane ORDER BY lane;

-- name: lane_update (hot)
UPDATE lane SET seq = ?, at = ?, hash = ?, posted = ? WHERE lane = ?;

-- name: lane_posted (hot)
UPDATE lane SET posted = ? WHERE lane = ?;

-- name: package_figures (hot)
SELECT remaining, reserved, used FROM package WHERE account_id = ? AND project_id = ? AND number = ?;

-- name: commit_insert (hot)
INSERT INTO commit_log (id, lane, seq, debits, debits_digest, manifest, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: commit_debits (hot)
SELECT debits FROM commit_log WHERE id = ?;

-- name: commit_debits_since
SELECT id, debits FROM commit_log WHERE id >= ? AND debits IS NOT NULL ORDER BY id;

-- name: commit_list
SELECT id, seq, debits, debits_digest, manifest, prev, hash FROM commit_log WHERE lane = ? AND seq > ? ORDER BY seq LIMIT ?;

-- name: commit_at_seq
SELECT id FROM commit_log WHERE lane = ? AND seq = ?;

-- name: package_figures_update (hot)
UPDATE package SET remaining = ?, reserved = ?, used = ? WHERE account_id = ? AND project_id = ? AND number = ?;

-- name: entry_insert (hot)
INSERT INTO entry (account_id, project_id, package, at, kind, remaining, reserved, used, remaining_after, reserved_after, debits, reference, lane, seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: debit_ref_insert (hot)
INSERT INTO debit_ref (account_id, project_id, at) VALUES (?, ?, ?);

-- name: debit_ref_list
SELECT at FROM debit_ref WHERE account_id = ? AND project_id = ? AND at >= ? AND at < ? ORDER BY at DESC LIMIT ?;

-- name: reservation_insert (hot)
INSERT INTO reservation (account_id, project_id, at, id, deadline) VALUES (?, ?, ?, ?, ?);

-- name: reservation_delete (hot)
DELETE FROM reservation WHERE account_id = ? AND project_id = ? AND at = ? AND id = ?;

-- name: reservation_open
SELECT EXISTS (SELECT 1 FROM reservation WHERE account_id = ? AND project_id = ? AND at = ? AND id = ?);

-- name: reservation_all
SELECT account_id, project_id, id, at FROM reservation;

-- name: reservation_due
SELECT account_id, project_id, id FROM reservation WHERE deadline <= ? ORDER BY deadline LIMIT ?;

-- name: reservation_due_count
SELECT count(*) FROM reservation WHERE deadline <= ?;

-- name: balance_pool (hot)
-- Packages that can pay, or to which something reserved may return. Those that had expired by the lane's last commit
-- never pay again, frozen ones not for now.
SELECT number, category, purpose, country, expires_at, purchased_at, remaining, reserved, used FROM package
WHERE account_id = ? AND project_id = ? AND expires_at > ? AND live = 1 AND frozen = 0;

-- name: balance_get (hot)
SELECT number, category, purpose, country, expires_at, purchased_at, remaining, reserved, used FROM package
WHERE account_id = ? AND project_id = ? AND number = ?;

-- name: usage_sum
SELECT e.at, p.category, p.purpose, p.country, e.used FROM package p
JOIN entry e ON e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number
WHERE p.account_id = ? AND p.project_id = ? AND e.at >= ? AND e.at < ? AND e.kind IN (6, 8);
