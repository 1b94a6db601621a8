-- Months whose debits are in files.

-- name: archived_month_list
SELECT lane, month, first_seq, last_seq, commits, debits, refs, entries, segments, overflow, entries_digest, file, file_sha256, archived_at, seq
FROM archived_month ORDER BY lane, month;

-- name: archived_month_get
SELECT lane, month, first_seq, last_seq, commits, debits, refs, entries, segments, overflow, entries_digest, file, file_sha256, archived_at, seq
FROM archived_month WHERE lane = ? AND month = ?;

-- name: archived_month_insert
INSERT INTO archived_month (lane, month, first_seq, last_seq, commits, debits, refs, entries, segments, overflow, entries_digest, file, file_sha256, archived_at, seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: archived_month_newest
SELECT coalesce(max(month), '') FROM archived_month WHERE lane = ?;

-- name: archived_month_of_commit
-- Where a commit's debits went, if it had any.
SELECT a.month FROM commit_log c JOIN archived_month a ON a.lane = c.lane AND a.first_seq <= c.seq AND a.last_seq >= c.seq
WHERE c.id = ? AND c.debits IS NULL AND c.debits_digest <> ?;

-- name: archived_debits_left
SELECT coalesce(min(seq), 0) FROM commit_log WHERE lane = ? AND seq > ? AND seq <= ? AND debits IS NOT NULL;

-- name: archived_debits_drop
-- Nothing leaves that no row vouches for.
UPDATE commit_log SET debits = NULL WHERE lane = ? AND seq > ? AND seq <= ? AND debits IS NOT NULL
  AND EXISTS (SELECT 1 FROM archived_month a WHERE a.lane = commit_log.lane AND a.first_seq <= commit_log.seq AND a.last_seq >= commit_log.seq);

-- name: reservation_oldest
SELECT account_id, project_id, at, id, deadline FROM reservation ORDER BY at LIMIT 1;
