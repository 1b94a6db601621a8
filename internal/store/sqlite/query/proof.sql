-- name: count_orders
SELECT count(*) FILTER (WHERE seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807)),
  count(*) FILTER (WHERE seq > coalesce(json_extract(?2, '$[' || lane || ']'), -1)) FROM purchase_order;

-- name: count_settled_orders
SELECT count(*) FILTER (WHERE settled_seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807)),
  count(*) FILTER (WHERE settled_seq > coalesce(json_extract(?2, '$[' || lane || ']'), -1)) FROM purchase_order;

-- name: count_payments
SELECT count(*) FILTER (WHERE seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807)),
  count(*) FILTER (WHERE seq > coalesce(json_extract(?2, '$[' || lane || ']'), -1)) FROM payment;

-- name: count_wallet_entries
SELECT count(*) FILTER (WHERE seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807)),
  count(*) FILTER (WHERE seq > coalesce(json_extract(?2, '$[' || lane || ']'), -1)) FROM wallet_entry;

-- name: count_vouchers
SELECT count(*) FILTER (WHERE seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807)),
  count(*) FILTER (WHERE seq > coalesce(json_extract(?2, '$[' || lane || ']'), -1)) FROM voucher;

-- name: count_used_vouchers
SELECT count(*) FILTER (WHERE used_seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807)),
  count(*) FILTER (WHERE used_seq > coalesce(json_extract(?2, '$[' || lane || ']'), -1)) FROM voucher;

-- name: count_packages
SELECT count(*) FILTER (WHERE seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807)),
  count(*) FILTER (WHERE seq > coalesce(json_extract(?2, '$[' || lane || ']'), -1)) FROM package;

-- name: count_entries
SELECT count(*) FILTER (WHERE seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807)),
  count(*) FILTER (WHERE seq > coalesce(json_extract(?2, '$[' || lane || ']'), -1)) FROM entry;

-- name: count_archived_months
SELECT count(*) FILTER (WHERE seq <= coalesce(json_extract(?1, '$[' || lane || ']'), 9223372036854775807)),
  count(*) FILTER (WHERE seq > coalesce(json_extract(?2, '$[' || lane || ']'), -1)) FROM archived_month;

-- name: shape_of_debits
-- What group commits wrote, for benchmarks. Kinds 6 to 8 are the entries that debits and reservations make, with 5.
SELECT
  (SELECT count(*) FROM commit_log WHERE debits IS NOT NULL),
  (SELECT coalesce(sum(length(debits)), 0) FROM commit_log),
  (SELECT coalesce(sum(length(manifest)), 0) FROM commit_log WHERE debits IS NOT NULL),
  (SELECT count(*) FROM entry WHERE kind BETWEEN 5 AND 8),
  (SELECT coalesce(sum(length(reference)), 0) FROM entry WHERE kind BETWEEN 5 AND 8),
  (SELECT count(*) FROM debit_ref),
  (SELECT count(*) FROM package),
  (SELECT count(*) / max(1, count(DISTINCT project_id)) FROM package),
  (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size);
