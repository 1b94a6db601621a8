-- name: wallet_entry_by_reference
SELECT account_id, n, kind, at, cash, gift, credit_limit, credit_used, cash_after, gift_after, credit_limit_after, credit_used_after,
  project_id, order_id, reference, by_token, by_member, by_role, by_address
FROM wallet_entry
WHERE account_id = ? AND kind = ? AND reference = ? AND reference <> '' ORDER BY n LIMIT 1;
