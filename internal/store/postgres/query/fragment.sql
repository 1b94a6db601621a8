-- Parts of statements that are put together in code.

-- name: fragment_in_list
-- The parameter is a JSON array of texts.
= ANY (ARRAY(SELECT jsonb_array_elements_text(?::text::jsonb)));

-- name: fragment_entry_extend
-- The planner, which has statistics, finds the index itself.
;

-- name: fragment_entry_freeze
;

-- name: fragment_audit_account
taocan_json_text(a.value_after, 'account');
