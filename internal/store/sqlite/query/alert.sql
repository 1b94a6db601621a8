-- Alert rules.

-- name: alert_rule_insert
INSERT INTO alert_rule (account_id, project_id, category, purpose, country, threshold, enabled, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: alert_rule_delete
DELETE FROM alert_rule WHERE account_id = ? AND project_id = ?;

-- name: alert_rule_list
-- In the order that pages show purposes.
SELECT account_id, project_id, category, purpose, country, threshold, enabled, updated_at FROM alert_rule
WHERE account_id = ? AND project_id = ?
ORDER BY category, CASE purpose WHEN 'verification' THEN 0 WHEN 'marketing' THEN 1 ELSE 2 END, country;
