-- name: alert_state_delete
-- Those whose rule is not among the enabled ones, given as a JSON array. Warnings of usage limits are not rules.
DELETE FROM alert_state WHERE account_id = ? AND project_id = ?
  AND rule NOT IN (SELECT jsonb_array_elements_text(?::text::jsonb)) AND rule NOT LIKE 'limit-%';

-- name: limit_state_delete
-- Warnings given, of limits that are not in the JSON array.
DELETE FROM alert_state WHERE account_id = ? AND project_id = ?
  AND rule LIKE 'limit-%' AND rule NOT IN (SELECT jsonb_array_elements_text(?::text::jsonb));
