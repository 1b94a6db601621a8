-- Vouchers: the operator's directory of what was issued, and what accounts hold.

-- name: voucher_code_insert
INSERT INTO voucher_code (id, code_hash, account_id, code_hint, amount, min_amount, categories, purposes, products, valid_from, valid_until, issued_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: voucher_code_assign
UPDATE voucher_code SET account_id = ? WHERE code_hash = ? AND account_id IS NULL;

-- name: voucher_code_list
-- A voucher as the operator sees it; what became of it stands with its account.
SELECT c.id, c.account_id, c.code_hint, c.amount, c.min_amount, c.categories, c.purposes, c.products, c.valid_from, c.valid_until, c.issued_at,
  v.assigned_at, v.used_by, v.used_in, v.used_at
FROM voucher_code c LEFT JOIN voucher v ON v.account_id = c.account_id AND v.id = c.id WHERE true;

-- name: voucher_code_get
SELECT c.id, c.account_id, c.code_hint, c.amount, c.min_amount, c.categories, c.purposes, c.products, c.valid_from, c.valid_until, c.issued_at,
  v.assigned_at, v.used_by, v.used_in, v.used_at
FROM voucher_code c LEFT JOIN voucher v ON v.account_id = c.account_id AND v.id = c.id WHERE c.code_hash = ?;

-- name: voucher_insert
INSERT INTO voucher (account_id, id, code_hint, amount, min_amount, categories, purposes, products, valid_from, valid_until, issued_at, assigned_at, lane, seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: voucher_use
UPDATE voucher SET used_by = ?, used_in = ?, used_at = ?, used_seq = ? WHERE account_id = ? AND id = ? AND used_by IS NULL;

-- name: voucher_list
SELECT id, account_id, code_hint, amount, min_amount, categories, purposes, products, valid_from, valid_until, issued_at,
  assigned_at, used_by, used_in, used_at
FROM voucher WHERE account_id = ?;

-- name: voucher_get
SELECT id, account_id, code_hint, amount, min_amount, categories, purposes, products, valid_from, valid_until, issued_at,
  assigned_at, used_by, used_in, used_at
FROM voucher WHERE account_id = ? AND id = ?;

-- name: voucher_unused
SELECT id, account_id, code_hint, amount, min_amount, categories, purposes, products, valid_from, valid_until, issued_at,
  assigned_at, used_by, used_in, used_at
FROM voucher WHERE account_id = ?1 AND used_by IS NULL AND valid_from <= ?2 AND valid_until > ?2 ORDER BY valid_until, id;
