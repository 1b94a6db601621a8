-- name: alert_state_delete
-- Those whose rule is not among the enabled ones, given as a JSON array. Warnings of usage limits are not rules.
DELETE FROM alert_state WHERE account_id = ? AND project_id = ? AND rule NOT IN (SELECT value FROM json_each(?)) AND rule NOT GLOB 'limit-*';
