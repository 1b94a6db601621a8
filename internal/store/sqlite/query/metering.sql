-- name: limit_state_delete
-- Warnings given, of limits that are not in the JSON array.
DELETE FROM alert_state WHERE account_id = ? AND project_id = ? AND rule GLOB 'limit-*' AND rule NOT IN (SELECT value FROM json_each(?));
