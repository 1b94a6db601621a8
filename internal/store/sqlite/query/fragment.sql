-- Parts of statements that are put together in code.

-- name: fragment_in_list
-- The parameter is a JSON array of texts.
IN (SELECT value FROM json_each(?));

-- name: fragment_entry_extend
-- The planner, which has no statistics, would walk over a package's whole statement.
INDEXED BY entry_extend;

-- name: fragment_entry_freeze
INDEXED BY entry_freeze;

-- name: fragment_audit_account
CASE WHEN json_valid(a.value_after) THEN json_extract(a.value_after, '$.account') END;
