-- Alert rules, where they stand, and when they must be looked at.

-- name: alert_rule_insert
INSERT INTO alert_rule (account_id, project_id, kind, unit, category, purpose, country, threshold, enabled, channels, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: alert_rule_delete
DELETE FROM alert_rule WHERE account_id = ? AND project_id = ?;

-- name: alert_rule_list
-- In the order that pages show purposes, kinds and units.
SELECT account_id, project_id, kind, unit, category, purpose, country, threshold, enabled, channels, updated_at FROM alert_rule
WHERE account_id = ? AND project_id = ?
ORDER BY category, CASE purpose WHEN 'verification' THEN 0 WHEN 'marketing' THEN 1 ELSE 2 END, country,
  CASE kind WHEN 'remaining' THEN 0 WHEN 'usage_day' THEN 1 WHEN 'usage_month' THEN 2 WHEN 'expiring' THEN 3 ELSE 4 END,
  CASE unit WHEN 'messages' THEN 0 WHEN 'percent' THEN 1 ELSE 2 END;

-- name: alert_state_list
SELECT rule, level, low, since, reminders, told_at, period FROM alert_state WHERE account_id = ? AND project_id = ? ORDER BY rule;

-- name: alert_state_set
INSERT INTO alert_state (account_id, project_id, rule, level, low, since, reminders, told_at, period) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (account_id, project_id, rule) DO UPDATE SET level = excluded.level, low = excluded.low, since = excluded.since, reminders = excluded.reminders,
  told_at = excluded.told_at, period = excluded.period;

-- name: alert_due_list
SELECT account_id, project_id, at, bought FROM alert_due WHERE at <= ? ORDER BY at LIMIT ?;

-- name: alert_due_get
SELECT account_id, project_id, at, bought FROM alert_due WHERE account_id = ? AND project_id = ?;

-- name: alert_due_call
-- Whatever was bought since the last look stays noted.
INSERT INTO alert_due (account_id, project_id, at, bought) VALUES (?, ?, ?, 0)
ON CONFLICT (account_id, project_id) DO UPDATE SET at = CASE WHEN excluded.at < alert_due.at THEN excluded.at ELSE alert_due.at END;

-- name: alert_due_settle
UPDATE alert_due SET at = ?, bought = 0 WHERE account_id = ? AND project_id = ?;

-- name: alert_due_delete
DELETE FROM alert_due WHERE account_id = ? AND project_id = ?;

-- name: alert_held
-- Read from the packages themselves: those that are empty count, too.
SELECT category, purpose, country, CAST(sum(total + adjusted) AS BIGINT) FROM package WHERE account_id = ? AND project_id = ? AND expires_at > ?
GROUP BY category, purpose, country;

-- name: alert_metered
-- A day begins with the name of its month.
SELECT category, purpose, country, CAST(sum(taken) AS BIGINT) FROM meter WHERE account_id = ?1 AND project_id = ?2 AND day >= ?3 AND day < ?3 || '~'
GROUP BY category, purpose, country;

-- name: alert_next_expiry
SELECT coalesce(min(expires_at), 0) FROM package_sum WHERE account_id = ? AND project_id = ? AND expires_at > ?;
