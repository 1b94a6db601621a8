-- What Verify reads.

-- Counts take the sequence of every lane's head as a JSON array; rows of an impossible lane count, too.

-- name: count_orders
SELECT count(*) FROM purchase_order WHERE seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807);

-- name: count_settled_orders
SELECT count(*) FROM purchase_order WHERE settled_seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807);

-- name: count_payments
SELECT count(*) FROM payment WHERE seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807);

-- name: count_wallet_entries
SELECT count(*) FROM wallet_entry WHERE seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807);

-- name: count_vouchers
SELECT count(*) FROM voucher WHERE seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807);

-- name: count_used_vouchers
SELECT count(*) FROM voucher WHERE used_seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807);

-- name: count_packages
SELECT count(*) FROM package WHERE seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807);

-- name: count_entries
SELECT count(*) FROM entry WHERE seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807);

-- name: debit_ref_exists
SELECT EXISTS (SELECT 1 FROM debit_ref WHERE account_id = ? AND project_id = ? AND at = ?);

-- name: entry_each
SELECT account_id, project_id, package, at, kind, remaining, reserved, used, remaining_after, reserved_after, debits, reference, lane, seq
FROM entry WHERE account_id = ? AND project_id = ? AND package = ? ORDER BY at, kind;

-- name: package_reserved
SELECT number, reserved FROM package WHERE account_id = ? AND project_id = ? AND live = 1 AND reserved > 0;

-- name: package_live_wrong
SELECT number FROM package WHERE live <> (remaining > 0 OR reserved > 0) LIMIT ?;

-- name: package_group_wrong
SELECT project_id, name FROM (
  SELECT account_id, project_id, category, purpose, country, name, count(*) AS packages FROM package
  GROUP BY account_id, project_id, category, purpose, country, name
  UNION ALL
  SELECT account_id, project_id, category, purpose, country, name, -packages FROM package_group
) GROUP BY account_id, project_id, category, purpose, country, name HAVING sum(packages) <> 0 LIMIT ?;

-- name: reservation_list
SELECT at, id, deadline FROM reservation WHERE account_id = ? AND project_id = ? ORDER BY at, id;

-- name: wallet_after
SELECT account_id, cash, gift, credit_limit, credit_used FROM wallet WHERE account_id > ? ORDER BY account_id LIMIT ?;

-- name: package_after
SELECT account_id, project_id, number, name, category, purpose, country, charge_on, total, adjusted, remaining, reserved, used,
  purchased_at, exists_from, expires_at, order_id, paid_voucher, paid_gift, paid_cash, paid_credit
FROM package WHERE (account_id, project_id, number) > (?, ?, ?) ORDER BY account_id, project_id, number LIMIT ?;

-- name: shape_of_debits
-- What group commits wrote, for benchmarks. Kinds 6 to 8 are the entries that debits and reservations make, with 5.
SELECT
  (SELECT count(*) FROM commit_log WHERE debits IS NOT NULL),
  (SELECT coalesce(sum(length(debits)), 0) FROM commit_log),
  (SELECT coalesce(sum(length(manifest)), 0) FROM commit_log WHERE debits IS NOT NULL),
  (SELECT count(*) FROM entry WHERE kind BETWEEN 5 AND 8),
  (SELECT count(*) FROM debit_ref),
  (SELECT count(*) FROM package),
  (SELECT count(*) / max(1, count(DISTINCT project_id)) FROM package),
  (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size);
