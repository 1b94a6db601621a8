-- What Verify reads.

-- Counts take the sequences of heads by lane as JSON arrays: those that the run covers, and the present ones.

-- name: entry_each
SELECT account_id, project_id, package, at, kind, remaining, reserved, used, remaining_after, reserved_after, debits, reference, expires_at, lane, seq
FROM entry WHERE account_id = ? AND project_id = ? AND package = ? ORDER BY at, kind;

-- name: package_reserved
SELECT number, reserved FROM package WHERE account_id = ? AND project_id = ? AND live = 1 AND reserved > 0;

-- name: package_live_wrong
SELECT number FROM package WHERE (live = 1) <> (remaining > 0 OR reserved > 0) LIMIT ?;

-- name: package_group_wrong
SELECT project_id, name FROM (
  SELECT account_id, project_id, category, purpose, country, name, count(*) AS packages FROM package
  GROUP BY account_id, project_id, category, purpose, country, name
  UNION ALL
  SELECT account_id, project_id, category, purpose, country, name, -packages FROM package_group
) AS counted GROUP BY account_id, project_id, category, purpose, country, name HAVING sum(packages) <> 0 LIMIT ?;

-- name: package_sum_wrong
SELECT project_id, category, purpose FROM (
  SELECT account_id, project_id, category, expires_at, purpose, country, sum(remaining) AS remaining, sum(reserved) AS reserved FROM package
  WHERE frozen = 0 GROUP BY account_id, project_id, category, expires_at, purpose, country
  UNION ALL
  SELECT account_id, project_id, category, expires_at, purpose, country, -remaining, -reserved FROM package_sum
) AS summed GROUP BY account_id, project_id, category, expires_at, purpose, country HAVING sum(remaining) <> 0 OR sum(reserved) <> 0 LIMIT ?;

-- name: voucher_code_wrong
-- Both sides of an issued voucher say the same; a voucher of an account has its line in the directory.
SELECT v.id FROM voucher v LEFT JOIN voucher_code c ON c.id = v.id
WHERE c.id IS NULL OR c.account_id IS DISTINCT FROM v.account_id OR c.code_hint <> v.code_hint OR c.amount <> v.amount OR c.min_amount <> v.min_amount
  OR c.categories <> v.categories OR c.purposes <> v.purposes OR c.products <> v.products
  OR c.valid_from <> v.valid_from OR c.valid_until <> v.valid_until OR c.issued_at <> v.issued_at
UNION ALL
SELECT c.id FROM voucher_code c WHERE c.account_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM voucher v WHERE v.account_id = c.account_id AND v.id = c.id)
LIMIT ?;

-- name: debit_ref_after
SELECT account_id, project_id, at, more FROM debit_ref WHERE (account_id, project_id, at) > (?, ?, ?) ORDER BY account_id, project_id, at LIMIT ?;

-- name: reservation_list
SELECT at, id, deadline FROM reservation WHERE account_id = ? AND project_id = ? ORDER BY at, id;

-- name: wallet_after
SELECT account_id, cash, gift, credit_limit, credit_used FROM wallet WHERE account_id > ? ORDER BY account_id LIMIT ?;

-- name: package_after
SELECT account_id, project_id, number, name, category, purpose, country, charge_on, total, adjusted, remaining, reserved, used,
  purchased_at, exists_from, expires_at, first_expires_at, frozen <> 0, order_id, paid_voucher, paid_gift, paid_cash, paid_credit
FROM package WHERE (account_id, project_id, number) > (?, ?, ?) ORDER BY account_id, project_id, number LIMIT ?;
