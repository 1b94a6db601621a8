-- Automatic top-ups and their purchases.

-- name: top_up_list
-- In the order that pages show purposes.
SELECT account_id, project_id, category, purpose, country, level, quantity, month_cap, cooldown, enabled, agreement_version,
  by_token, by_member, by_role, by_address, updated_at, called_at, next_at, failures, failed_at, reason FROM top_up
WHERE account_id = ? AND project_id = ?
ORDER BY category, CASE purpose WHEN 'verification' THEN 0 WHEN 'marketing' THEN 1 ELSE 2 END, country;

-- name: top_up_get
SELECT account_id, project_id, category, purpose, country, level, quantity, month_cap, cooldown, enabled, agreement_version,
  by_token, by_member, by_role, by_address, updated_at, called_at, next_at, failures, failed_at, reason FROM top_up
WHERE account_id = ? AND project_id = ? AND id = ?;

-- name: top_up_due
SELECT account_id, project_id, category, purpose, country, level, quantity, month_cap, cooldown, enabled, agreement_version,
  by_token, by_member, by_role, by_address, updated_at, called_at, next_at, failures, failed_at, reason FROM top_up
WHERE called_at > 0 AND enabled = 1 AND next_at <= ?
ORDER BY next_at LIMIT ?;

-- name: top_up_idle
SELECT account_id, project_id, category, purpose, country, level, quantity, month_cap, cooldown, enabled, agreement_version,
  by_token, by_member, by_role, by_address, updated_at, called_at, next_at, failures, failed_at, reason FROM top_up
WHERE (account_id, project_id, id) > (?, ?, ?) AND called_at = 0 AND enabled = 1
ORDER BY account_id, project_id, id LIMIT ?;

-- name: top_up_delete
DELETE FROM top_up WHERE account_id = ? AND project_id = ?;

-- name: top_up_insert
INSERT INTO top_up (account_id, project_id, id, category, purpose, country, level, quantity, month_cap, cooldown, enabled, agreement_version,
  by_token, by_member, by_role, by_address, updated_at, called_at, next_at, failures, failed_at, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: top_up_set_state
UPDATE top_up SET called_at = ?, next_at = ?, failures = ?, failed_at = ?, reason = ?
WHERE account_id = ? AND project_id = ? AND id = ?;

-- name: top_up_order_last
SELECT account_id, project_id, top_up_id, n, state, lease, order_id, month, amount, quantity, at, reason FROM top_up_order
WHERE account_id = ? AND project_id = ? AND top_up_id = ? AND (?4 = '' OR state = ?4)
ORDER BY n DESC LIMIT 1;

-- name: top_up_order_list
SELECT account_id, project_id, top_up_id, n, state, lease, order_id, month, amount, quantity, at, reason FROM top_up_order
WHERE account_id = ? AND project_id = ?;

-- name: top_up_order_left
SELECT account_id, project_id, top_up_id, n, state, lease, order_id, month, amount, quantity, at, reason FROM top_up_order
WHERE state = 'buying' AND lease <= ?
ORDER BY lease LIMIT ?;

-- name: top_up_order_spent
SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM top_up_order
WHERE account_id = ? AND project_id = ? AND top_up_id = ? AND month = ? AND state = 'bought';

-- name: top_up_order_insert
INSERT INTO top_up_order (account_id, project_id, top_up_id, n, state, lease, order_id, month, amount, quantity, at, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: top_up_order_lease
UPDATE top_up_order SET lease = ?
WHERE account_id = ? AND project_id = ? AND top_up_id = ? AND n = ? AND state = 'buying' AND lease = ?;

-- name: top_up_order_settle
UPDATE top_up_order SET state = ?1, order_id = ?2, month = ?3, amount = ?4, at = ?5, reason = ?6
WHERE account_id = ?7 AND project_id = ?8 AND top_up_id = ?9 AND n = ?10 AND (state = 'buying' OR state = 'failed' AND ?1 = 'bought');
