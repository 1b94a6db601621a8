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

-- name: count_archived_months
SELECT count(*) FILTER (WHERE seq <= coalesce(((SELECT ?1::text::jsonb) ->> lane::int)::bigint, 9223372036854775807)),
  count(*) FILTER (WHERE seq > coalesce(((SELECT ?2::text::jsonb) ->> lane::int)::bigint, -1)) FROM archived_month;

-- name: count_entries
SELECT count(*) FILTER (WHERE seq <= coalesce(((SELECT ?1::text::jsonb) ->> lane::int)::bigint, 9223372036854775807)),
  count(*) FILTER (WHERE seq > coalesce(((SELECT ?2::text::jsonb) ->> lane::int)::bigint, -1)) FROM entry;
