-- Wallets and their statements.

-- name: wallet_insert
INSERT INTO wallet (account_id, cash, gift, credit_limit, credit_used) VALUES (?, 0, 0, 0, 0);

-- name: wallet_get
SELECT account_id, cash, gift, credit_limit, credit_used FROM wallet WHERE account_id = ?;

-- name: wallet_update
UPDATE wallet SET cash = ?, gift = ?, credit_limit = ?, credit_used = ? WHERE account_id = ?;

-- name: wallet_entry_last
SELECT coalesce(max(n), 0) FROM wallet_entry WHERE account_id = ?;

-- name: wallet_entry_insert
INSERT INTO wallet_entry (account_id, n, kind, at, cash, gift, credit_limit, credit_used,
  cash_after, gift_after, credit_limit_after, credit_used_after,
  project_id, order_id, reference, by_token, by_member, by_role, by_address, lane, seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: wallet_entry_list
SELECT account_id, n, kind, at, cash, gift, credit_limit, credit_used, cash_after, gift_after, credit_limit_after, credit_used_after,
  project_id, order_id, reference, by_token, by_member, by_role, by_address
FROM wallet_entry WHERE account_id = ?;
