-- What Verify reads.

-- Counts take the sequences of heads by lane as JSON arrays: those that the run covers, and the present ones. The subqueries read
-- each array once.

-- name: count_orders
SELECT count(*) FILTER (WHERE seq <= coalesce(((SELECT ?1::text::jsonb) ->> lane::int)::bigint, 9223372036854775807)),
  count(*) FILTER (WHERE seq > coalesce(((SELECT ?2::text::jsonb) ->> lane::int)::bigint, -1)) FROM purchase_order;

-- name: count_settled_orders
SELECT count(*) FILTER (WHERE settled_seq <= coalesce(((SELECT ?1::text::jsonb) ->> lane::int)::bigint, 9223372036854775807)),
  count(*) FILTER (WHERE settled_seq > coalesce(((SELECT ?2::text::jsonb) ->> lane::int)::bigint, -1)) FROM purchase_order;

-- name: count_payments
SELECT count(*) FILTER (WHERE seq <= coalesce(((SELECT ?1::text::jsonb) ->> lane::int)::bigint, 9223372036854775807)),
  count(*) FILTER (WHERE seq > coalesce(((SELECT ?2::text::jsonb) ->> lane::int)::bigint, -1)) FROM payment;

-- name: count_wallet_entries
SELECT count(*) FILTER (WHERE seq <= coalesce(((SELECT ?1::text::jsonb) ->> lane::int)::bigint, 9223372036854775807)),
  count(*) FILTER (WHERE seq > coalesce(((SELECT ?2::text::jsonb) ->> lane::int)::bigint, -1)) FROM wallet_entry;

-- name: count_vouchers
SELECT count(*) FILTER (WHERE seq <= coalesce(((SELECT ?1::text::jsonb) ->> lane::int)::bigint, 9223372036854775807)),
  count(*) FILTER (WHERE seq > coalesce(((SELECT ?2::text::jsonb) ->> lane::int)::bigint, -1)) FROM voucher;

-- name: count_used_vouchers
SELECT count(*) FILTER (WHERE used_seq <= coalesce(((SELECT ?1::text::jsonb) ->> lane::int)::bigint, 9223372036854775807)),
  count(*) FILTER (WHERE used_seq > coalesce(((SELECT ?2::text::jsonb) ->> lane::int)::bigint, -1)) FROM voucher;

-- name: count_packages
SELECT count(*) FILTER (WHERE seq <= coalesce(((SELECT ?1::text::jsonb) ->> lane::int)::bigint, 9223372036854775807)),
  count(*) FILTER (WHERE seq > coalesce(((SELECT ?2::text::jsonb) ->> lane::int)::bigint, -1)) FROM package;

-- name: count_entries
SELECT count(*) FILTER (WHERE seq <= coalesce(((SELECT ?1::text::jsonb) ->> lane::int)::bigint, 9223372036854775807)),
  count(*) FILTER (WHERE seq > coalesce(((SELECT ?2::text::jsonb) ->> lane::int)::bigint, -1)) FROM entry;

-- name: shape_of_debits
-- What group commits wrote, for benchmarks. Kinds 6 to 8 are the entries that debits and reservations make, with 5.
SELECT
  (SELECT count(*) FROM commit_log WHERE debits IS NOT NULL),
  (SELECT coalesce(sum(length(debits)), 0)::bigint FROM commit_log),
  (SELECT coalesce(sum(length(manifest)), 0)::bigint FROM commit_log WHERE debits IS NOT NULL),
  (SELECT count(*) FROM entry WHERE kind BETWEEN 5 AND 8),
  (SELECT count(*) FROM debit_ref),
  (SELECT count(*) FROM package),
  (SELECT count(*) / greatest(1, count(DISTINCT project_id)) FROM package),
  pg_database_size(current_database());
