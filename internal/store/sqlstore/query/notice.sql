-- Channels, notices (the outbox), and their deliveries.

-- name: channel_insert
INSERT INTO channel (account_id, project_id, id, kind, name, address, sealed, language, enabled, created_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: channel_update
UPDATE channel SET name = ?, address = ?, sealed = ?, language = ?, enabled = ?, updated_at = ?
WHERE account_id = ? AND project_id = ? AND id = ?;

-- name: channel_delete
DELETE FROM channel WHERE account_id = ? AND project_id = ? AND id = ?;

-- name: channel_get
SELECT account_id, project_id, id, kind, name, address, sealed, language, enabled, created_at, updated_at FROM channel
WHERE account_id = ? AND project_id = ? AND id = ?;

-- name: channel_list
SELECT account_id, project_id, id, kind, name, address, sealed, language, enabled, created_at, updated_at FROM channel
WHERE account_id = ? AND project_id = ? ORDER BY created_at, id;

-- name: channel_list_sealed
SELECT account_id, project_id, id, kind, name, address, sealed, language, enabled, created_at, updated_at FROM channel
WHERE length(sealed) > 0 ORDER BY account_id, project_id, id;

-- name: notice_insert
-- What has been said is not said again; any other conflict is an error.
INSERT INTO notice (account_id, project_id, id, at, event, rule, channels, facts, unique_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (account_id, project_id, unique_key) WHERE unique_key IS NOT NULL DO NOTHING;

-- name: notice_get
SELECT account_id, project_id, id, at, event, rule, channels, facts, unique_key FROM notice
WHERE account_id = ? AND project_id = ? AND id = ?;

-- name: notice_list
SELECT account_id, project_id, id, at, event, rule, channels, facts, unique_key, spread,
  (SELECT count(*) FROM delivery AS d WHERE d.account_id = notice.account_id AND d.project_id = notice.project_id AND d.notice_id = notice.id)
FROM notice WHERE account_id = ? AND project_id = ?;

-- name: notice_unspread
SELECT account_id, project_id, id, at, event, rule, channels, facts, unique_key FROM notice WHERE spread = 0 ORDER BY at LIMIT ?;

-- name: notice_spread
UPDATE notice SET spread = 1 WHERE account_id = ? AND project_id = ? AND id = ? AND spread = 0;

-- name: notice_old
-- In no order: any that may go will do.
SELECT account_id, project_id, id FROM notice AS n
WHERE at < ? AND spread = 1 AND NOT EXISTS (
  SELECT 1 FROM delivery AS d
  WHERE d.account_id = n.account_id AND d.project_id = n.project_id AND d.notice_id = n.id AND d.state = 'pending')
LIMIT ?;

-- name: notice_delete
DELETE FROM notice WHERE account_id = ? AND project_id = ? AND id = ?;

-- name: delivery_delete
DELETE FROM delivery WHERE account_id = ? AND project_id = ? AND notice_id = ?;

-- name: delivery_insert
INSERT INTO delivery (account_id, project_id, notice_id, channel_id, state, created_at, next_at, attempts, status, error, tried_at)
VALUES (?, ?, ?, ?, 'pending', ?, ?, 0, 0, '', 0);

-- name: delivery_due
SELECT account_id, project_id, notice_id, channel_id, state, created_at, next_at, attempts, status, error, tried_at FROM (
  SELECT account_id, project_id, notice_id, channel_id, state, created_at, next_at, attempts, status, error, tried_at,
    row_number() OVER (PARTITION BY account_id, project_id, channel_id ORDER BY next_at, created_at, notice_id) AS nth
  FROM delivery WHERE state = 'pending' AND next_at <= ?) AS due
WHERE nth <= ? ORDER BY next_at, created_at, notice_id, channel_id LIMIT ?;

-- name: delivery_lease
UPDATE delivery SET next_at = ? WHERE account_id = ? AND project_id = ? AND notice_id = ? AND channel_id = ? AND state = 'pending' AND next_at = ?;

-- name: delivery_settle
UPDATE delivery SET state = ?, next_at = ?, attempts = ?, status = ?, error = ?, tried_at = ?
WHERE account_id = ? AND project_id = ? AND notice_id = ? AND channel_id = ? AND state = 'pending' AND next_at = ?;

-- name: delivery_list
SELECT d.account_id, d.project_id, d.notice_id, d.channel_id, d.state, d.created_at, d.next_at, d.attempts, d.status, d.error, d.tried_at,
  n.event, n.rule
FROM delivery AS d JOIN notice AS n ON n.account_id = d.account_id AND n.project_id = d.project_id AND n.id = d.notice_id
WHERE d.account_id = ? AND d.project_id = ?;
